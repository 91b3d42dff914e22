# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# Programs as services of systemd's, of a user without rights, as `ollama serve` is one. service.sh TOKENS: if they are given,
# ggml's backend lies in /usr/local/lib/ollama, and it generates with them.
. /root/guest/support.sh
tokens=$1

# in_service COMMAND... with the settings in $confined, a line each: its status, what it says in /run/said.
in_service() {
  {
    printf '[Service]\nType=oneshot\nStandardOutput=truncate:/run/said\nStandardError=truncate:/run/said\n'
    printf 'User=ollama\nGroup=ollama\n%s\nExecStart=%s\n' "$confined" "$*"
  } >/etc/systemd/system/tried.service
  systemctl daemon-reload
  systemctl start tried.service 2>/dev/null
  status=$(systemctl show -P ExecMainStatus tried.service)
  systemctl reset-failed tried.service 2>/dev/null
  return "$status"
}
# works_in WHAT: memory, copies, pinned memory in a service that is confined so.
works_in() {
  in_service /usr/local/bin/vm-client pin 0
  check "$1: a program works" test $? -eq 0
  grep -v '^ready$' /run/said | sed 's/^/      /'
}
told() { grep -q "$1" /run/said || { sed 's/^/      /' /run/said; false; }; }

check "udev has loaded the module" eventually 100 test -c /dev/vgpu0
check "by its rule the device is this driver's" [ "$(cat /sys/class/misc/vgpu0/device/driver_override)" = vgpu ]
check "everybody may open it" [ "$(stat -c %a /dev/vgpu0)" = 666 ]

# As Ollama's installation makes it.
useradd -r -s /bin/false -U -m -d /usr/share/ollama ollama
confined=
works_in "a user of its own"
# What distributions add to such services, and more.
strict='ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProcSubset=pid
ProtectControlGroups=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectClock=yes
ProtectHostname=yes
PrivateTmp=yes
PrivateUsers=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
NoNewPrivileges=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
CapabilityBoundingSet=
AmbientCapabilities=
LimitMEMLOCK=64K
UMask=0077
DevicePolicy=closed
DeviceAllow=/dev/vgpu0 rw'
confined=$strict
works_in "all that systemd confines, with DeviceAllow=/dev/vgpu0"
confined='DynamicUser=yes'
works_in "a user made for the run"

# Where it cannot work, it says so at once, and what would help.
confined='DevicePolicy=closed'
in_service /usr/local/bin/vm-client pin 0
check "a device that is not allowed: no GPU" [ $? -eq 3 ]
check "the driver names the device" told 'vgpu0 is not among the devices.*DeviceAllow=/dev/vgpu0'
in_service /usr/bin/vgpu-smi doctor
check "the doctor says what to write" told 'DeviceAllow=/dev/vgpu0'
confined='PrivateDevices=yes'
in_service /usr/local/bin/vm-client pin 0
check "a /dev of its own: no GPU" [ $? -eq 3 ]
in_service /usr/bin/vgpu-smi doctor
check "the doctor says what to change" told 'PrivateDevices'

# The runner that the server starts: its own libraries first, the driver by the linker's cache.
libraries=/usr/local/lib/ollama
runner="Environment=LD_LIBRARY_PATH=$libraries:$libraries/cuda_v13 GGML_BACKEND_PATH=$libraries/cuda_v13/libggml-cuda.so GGML_NO_BACKTRACE=1"
generates_in() {
  in_service $libraries/harness --json list --backend $libraries
  check "$1: ggml has a device" told '"CUDA0"'
  in_service $libraries/harness --verbose --json generate --backend $libraries --model $libraries/q4_0.gguf --chunk 8 --follow "$tokens"
  check "$1: it generates" [ $? -eq 0 ]
  check "$1: all layers on the GPU" told 'offloaded 5/5 layers to GPU'
}
if [ -n "$tokens" ]; then
  confined=$runner
  generates_in "ggml as Ollama's service"
  confined="$runner
$strict"
  generates_in "ggml, all confined"
fi
check "nothing is held" eventually 100 holds_nothing
exit $failed
