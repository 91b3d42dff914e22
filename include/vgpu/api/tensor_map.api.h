// SPDX-License-Identifier: Apache-2.0
// Tensor maps: 128 opaque bytes that the driver computes. The guest pads what the rank leaves out.
// One line per call, alphabetical: API(name, path, marks of the pointer parameters). See docs/add-a-call.md.
API(cuTensorMapEncodeIm2col,     hand, out(tensorMap), address(globalAddress), reads(globalDim, tensorRank), reads(globalStrides, tensorRank), reads(pixelBoxLowerCorner, tensorRank), reads(pixelBoxUpperCorner, tensorRank), reads(elementStrides, tensorRank))
API(cuTensorMapEncodeIm2colWide, hand, out(tensorMap), address(globalAddress), reads(globalDim, tensorRank), reads(globalStrides, tensorRank), reads(elementStrides, tensorRank))
API(cuTensorMapEncodeTiled,      hand, out(tensorMap), address(globalAddress), reads(globalDim, tensorRank), reads(globalStrides, tensorRank), reads(boxDim, tensorRank), reads(elementStrides, tensorRank))
API(cuTensorMapReplaceAddress,   sync, inout(tensorMap), address(globalAddress))
