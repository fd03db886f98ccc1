# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a crash catches a vCPU's thread: the registers that a dump has, and the functions that tell."""

# Of struct user_regs_struct, as in the NT_PRSTATUS notes of crash_notes; of a thread that is inside the kernel.
REGISTERS = "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss".split()
PR_REG = 20 + 112  # where they are in such a note
# What __switch_to_asm() leaves on the stack of a task that is not running, from thread.sp on.
SWITCHED = "r15 r14 r13 r12 rbx rbp rip".split()
STACK_SIZE = 4 << 12  # of a thread
# Functions that KVM is in while it handles a fault of the guest, or one that the VMM requests.
HANDLER = {"kvm_mmu_page_fault", "kvm_mmu_do_page_fault", "kvm_tdp_page_fault", "direct_page_fault",
           "kvm_tdp_map_page", "kvm_arch_vcpu_pre_fault_memory", "nonpaging_page_fault", "kvm_handle_page_fault"}
RUN = {"kvm_arch_vcpu_ioctl_run", "vcpu_run", "vcpu_enter_guest", "svm_vcpu_run", "svm_vcpu_enter_exit",
       "__svm_vcpu_run", "vmx_vcpu_run", "vt_vcpu_run", "vmx_handle_exit", "kvm_vcpu_pre_fault_memory",
       "kvm_arch_vcpu_pre_fault_memory"}
