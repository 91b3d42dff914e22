// SPDX-License-Identifier: Apache-2.0
// Green contexts and the device resources that they are made of.
// One line per call, alphabetical: API(name, path, marks of the pointer parameters). See docs/add-a-call.md.
API(cuCtxFromGreenCtx,           hand, borrow(pContext))
API(cuCtxGetDevResource,         sync, out(resource))
API(cuDevResourceGenerateDesc,   sync, make(phDesc), reads(resources, nbResources))
API(cuDevSmResourceSplitByCount, sync, writes(result, at(nbGroups)), inout(nbGroups), copies(input), out(remaining))
API(cuDeviceGetDevResource,      sync, out(resource))
API(cuGreenCtxCreate,            hand, make(phCtx))
API(cuGreenCtxDestroy,           hand, drop(hCtx))
API(cuGreenCtxGetDevResource,    sync, out(resource))
API(cuGreenCtxGetId,             sync, out(greenCtxId))
API(cuGreenCtxRecordEvent,       hand)
API(cuGreenCtxStreamCreate,      sync, make(phStream))
API(cuGreenCtxWaitEvent,         sync)
API(cuStreamGetGreenCtx,         sync, borrow(phCtx))
