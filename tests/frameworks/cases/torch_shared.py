# SPDX-License-Identifier: Apache-2.0
# A tensor on the card that another process changes: torch.multiprocessing sends an IPC handle of memory and of an event.
import torch
import torch.multiprocessing as mp


def child(queue, done):
    tensor = queue.get()
    tensor += 1
    torch.cuda.synchronize()
    done.put(float(tensor.sum()))


if __name__ == "__main__":
    mp.set_start_method("spawn")
    queue, done = mp.Queue(), mp.Queue()
    process = mp.Process(target=child, args=(queue, done))
    process.start()
    tensor = torch.zeros(1000, device="cuda")
    queue.put(tensor)
    print("child:", done.get(timeout=60))
    process.join(60)
    torch.cuda.synchronize()
    print("parent:", float(tensor.sum()))
