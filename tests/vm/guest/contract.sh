# SPDX-License-Identifier: Apache-2.0
# The contract tests, in the guest: the directories are as in the project, so that their own runner works.
cd /root/project || exit 1
LIMIT=${LIMIT:-300} exec bash tests/contract/run.sh /root/project/contract "$@"
