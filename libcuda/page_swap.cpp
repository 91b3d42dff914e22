// SPDX-License-Identifier: Apache-2.0
#include "libcuda/page_swap.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <cerrno>
#include <csignal>
#include <new>

namespace vgpu::guest {
namespace {

// The page may be the one that this function returns through: from the copy's first byte to the end of the system call
// nothing may be written to the stack, or it would be written to the page that goes away. 0, or an errno.
int copy_and_move(void* view, void* address, size_t size) {
#ifdef __x86_64__
  void* to = view;
  void* from = address;
  size_t count = size;
  long result = 0;
  register long flags __asm__("r10") = MREMAP_MAYMOVE | MREMAP_FIXED;
  register void* target __asm__("r8") = address;
  // SAFETY: mremap(view, size, size, flags, target) by the kernel's calling convention, which leaves the stack alone.
  __asm__ volatile(
      "cld\n\t"
      "rep movsb\n\t"
      "mov %[view], %%rdi\n\t"
      "mov %%rdx, %%rsi\n\t"
      "mov %[call], %%eax\n\t"
      "syscall"
      : "=&a"(result), "+&D"(to), "+&S"(from), "+&c"(count)
      : [view] "r"(view), "d"(size), "r"(flags), "r"(target), [call] "i"(SYS_mremap)
      : "r11", "cc", "memory");
  return result < 0 && result > -4096 ? static_cast<int>(-result) : 0;
#else
#error "copy and system call in one, without use of the stack, for this processor"
#endif
}

}  // namespace

Result<void> swap_pages(Mapping& view, void* address) {
  // A handler that ran between copy and move would write to pages that go away.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = copy_and_move(view.data(), address, view.size());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) return Error::from_errno("cannot replace pages by shared ones", error);
  static_cast<void>(new (&view) Mapping());  // The range belongs to the program again.
  return {};
}

}  // namespace vgpu::guest
