# SPDX-License-Identifier: Apache-2.0
# All getters of Python's pynvml, on our library: each gives a value, or says that there is none (NotSupported), that it
# is not ours to ask (NoPermission), or, where one of the arguments names nothing here, InvalidArgument or NotFound.
# A line for each that does something else; status 1 then.
import ctypes
import inspect
import os
import sys

import pynvml

# Parameters that this release of pynvml passes on as they are: pointers to results.
RESULTS = {
    "c_dynamicpstatesinfo", "c_thermalsettings", "defaultMode", "fanControlPolicy", "gpuFabricInfo", "isEnabled",
    "maxClockMHz", "maxOffset", "maxSpeed", "minClockMHz", "minOffset", "minSpeed",
}
# The call's own documentation: what the argument 0 of a sweep may mean.
NOT_HERE = {
    "nvmlDeviceGetMigDeviceHandleByIndex": pynvml.NVMLError_NotFound,
    "nvmlDeviceGetHandleBySerial": pynvml.NVMLError_NotFound,
    "nvmlDeviceGetDeviceHandleFromMigDeviceHandle": pynvml.NVMLError_InvalidArgument,
}
HONEST = (pynvml.NVMLError_NotSupported, pynvml.NVMLError_NoPermission)


def value_for(function, name, handle):
    """An argument that means something."""
    if name in RESULTS or (name == "version" and function == "nvmlDeviceGetGspFirmwareVersion"):
        return ctypes.create_string_buffer(4096)
    if name in ("handle", "device", "device1", "device2", "handle1", "handle2"):
        return handle
    known = {
        "pciBusId": lambda: pynvml.nvmlDeviceGetPciInfo(handle).busId,
        "uuid": lambda: pynvml.nvmlDeviceGetUUID(handle),
        "serial": lambda: b"0",
        "pid": lambda: int(os.environ["HOLDER"]),
        "fieldIds": lambda: [pynvml.NVML_FI_DEV_MEMORY_TEMP, pynvml.NVML_FI_DEV_TOTAL_ENERGY_CONSUMPTION],
    }
    return known.get(name, lambda: 0)()


def call(name, function, handle):
    parameters = inspect.signature(function).parameters.values()
    needed = [value_for(name, p.name, handle) for p in parameters if p.default is p.empty]
    try:
        function(*needed)
        return "answered"
    except HONEST:
        return "not here"
    except NOT_HERE.get(name, ()):
        return "not here"
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def main():
    pynvml.nvmlInit()
    handle = pynvml.nvmlDeviceGetHandleByIndex(0)
    outcomes = {
        name: call(name, function, handle)
        for name, function in inspect.getmembers(pynvml, inspect.isfunction)
        if name.startswith(("nvmlDeviceGet", "nvmlSystemGet"))
    }
    strange = {name: what for name, what in outcomes.items() if what not in ("answered", "not here")}
    for name, what in strange.items():
        print(f"{name}: {what}")
    answered = list(outcomes.values()).count("answered")
    print(f"{len(outcomes)} getters: {answered} answered")
    pynvml.nvmlShutdown()
    return 1 if strange or len(outcomes) < 100 or answered < 20 else 0


sys.exit(main())
