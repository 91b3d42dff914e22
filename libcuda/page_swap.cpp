// SPDX-License-Identifier: Apache-2.0
#include "libcuda/page_swap.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <new>
#include <utility>

namespace vgpu::guest {
namespace {

// Stops other threads from writing to pages: they wait in their page faults until this is gone. Where the kernel offers
// no such thing, nothing stops them.
class WriteStop {
 public:
  WriteStop(void* address, size_t size) {
    // What the kernel writes on behalf of a thread waits, too, if this process may ask for that.
    UniqueFd fd(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC)));
    if (!fd) fd.reset(static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY)));
    uffdio_api api = {};
    api.api = UFFD_API;
    api.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP;
    if (!fd || ioctl(fd.get(), UFFDIO_API, &api) != 0) return;
    protect_.range = {reinterpret_cast<uint64_t>(address), size};
    protect_.mode = UFFDIO_WRITEPROTECT_MODE_WP;
    uffdio_register pages = {};
    pages.range = protect_.range;
    pages.mode = UFFDIO_REGISTER_MODE_WP;
    if (ioctl(fd.get(), UFFDIO_REGISTER, &pages) == 0) fd_ = std::move(fd);
  }

  // What UFFDIO_WRITEPROTECT takes; -1: there is none.
  int fd() const { return fd_ ? fd_.get() : -1; }
  const uffdio_writeprotect* protect() const { return &protect_; }

 private:
  UniqueFd fd_;
  uffdio_writeprotect protect_ = {};
};

// The page may be the one that this function returns through: from the stop to the end of the last system call nothing
// may be written to the stack, or it would wait for itself, or be written to the page that goes away. 0, or an errno.
int stop_copy_and_move(const WriteStop& stop, void* view, void* address, size_t size) {
#ifdef __x86_64__
  long result = 0;
  register void* target __asm__("r8") = address;
  register long fd __asm__("r9") = stop.fd();
  register long flags __asm__("r10") = MREMAP_MAYMOVE | MREMAP_FIXED;
  register const void* protect __asm__("r12") = stop.protect();
  register unsigned long request __asm__("r13") = UFFDIO_WRITEPROTECT;
  register void* moved __asm__("r14") = view;
  register size_t count __asm__("r15") = size;
  // SAFETY: ioctl(fd, request, protect), whose failure leaves the pages writable, and mremap(view, size, size, flags,
  // target), by the kernel's calling convention, which leaves the stack alone.
  __asm__ volatile(
      "cld\n\t"
      "test %%r9, %%r9\n\t"
      "js 1f\n\t"
      "mov %[ioctl], %%eax\n\t"
      "mov %%r9, %%rdi\n\t"
      "mov %%r13, %%rsi\n\t"
      "mov %%r12, %%rdx\n\t"
      "syscall\n"
      "1:\n\t"
      "mov %%r14, %%rdi\n\t"
      "mov %%r8, %%rsi\n\t"
      "mov %%r15, %%rcx\n\t"
      "rep movsb\n\t"
      "mov %%r14, %%rdi\n\t"
      "mov %%r15, %%rsi\n\t"
      "mov %%r15, %%rdx\n\t"
      "mov %[mremap], %%eax\n\t"
      "syscall"
      : "=&a"(result)
      : "r"(target), "r"(fd), "r"(flags), "r"(protect), "r"(request), "r"(moved),
        "r"(count), [ioctl] "i"(SYS_ioctl), [mremap] "i"(SYS_mremap)
      : "rdi", "rsi", "rdx", "rcx", "r11", "cc", "memory");
  return result < 0 && result > -4096 ? static_cast<int>(-result) : 0;
#else
#error "copy and system calls in one, without use of the stack, for this processor"
#endif
}

}  // namespace

Result<void> swap_pages(Mapping& view, void* address) {
  // A handler that ran between copy and move would write to pages that go away.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = 0;
  {
    const WriteStop stop(address, view.size());
    error = stop_copy_and_move(stop, view.data(), address, view.size());
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) return Error::from_errno("cannot replace pages by shared ones", error);
  static_cast<void>(new (&view) Mapping());  // The range belongs to the program again.
  return {};
}

}  // namespace vgpu::guest
