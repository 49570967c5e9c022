# The kernel file of the guest: one file, two ways to start, and nothing to decompress in either.
#
#   multiboot   no BIOS at all. We do the little a BIOS would have done, then enter the kernel.
#   bzImage     through a BIOS and the kernel's own real-mode setup code, as any other bzImage.
#
# The file is the setup code, then this program, then zeros, then the bare kernel at offset 1 MiB.
# Given by mkvmlinuz.sh: SETUP_BYTES, KERNEL_BYTES, KERNEL_END, KERNEL_ENTRY. The kernel is linked to run at 2 MiB.
#
# As multiboot, byte 0 of the file is loaded at 1 MiB, so the kernel is where it belongs. As bzImage, byte SETUP_BYTES is
# loaded at 1 MiB, so the kernel is SETUP_BYTES too low and has to be moved up.

	.set	KERNEL, 0x200000
	.set	LOAD, 0x100000
	.set	FILE_BYTES, 0x100000 + (KERNEL_BYTES + 15) / 16 * 16

	# Low memory that nobody uses by then: the kernel's boot parameters, and a stack.
	.set	PARAMS, 0x10000
	.set	STACK, 0x12000

	.code32
	.text
file:
	.incbin "setup.bin", 0, 0x1a0
multiboot_header:                       # in a part of the setup code that is filling
	.long	0x1badb002, 0x10003, -(0x1badb002 + 0x10003)
	.long	LOAD + multiboot_header - file, LOAD, LOAD + FILE_BYTES, KERNEL_END, LOAD + enter_multiboot - file
	.incbin "setup.bin", 0x1c0, 0x1f4 - 0x1c0
	.long	(FILE_BYTES - SETUP_BYTES) / 16     # syssize: what follows the setup code, in units of 16 bytes
	.incbin "setup.bin", 0x1f8, 0x248 - 0x1f8
	.long	0, 0                            # payload offset and length: there is no compressed payload
	.incbin "setup.bin", 0x250

# ---- bzImage: entered at 1 MiB, 32 bit, flat segments, %esi = boot parameters. No address of ours may be used here.
	.if . - file - SETUP_BYTES
	.error "the setup code has not the size it says"
	.endif
enter_bzimage:
	cli
	cld
	mov	%esi, %ebx
	# Move the kernel up by SETUP_BYTES in blocks of that size, last block first, so that none overlaps its copy.
	mov	$(KERNEL_BYTES + SETUP_BYTES - 1) / SETUP_BYTES, %edx
	mov	$KERNEL - SETUP_BYTES + (KERNEL_BYTES + SETUP_BYTES - 1) / SETUP_BYTES * SETUP_BYTES, %ebp
1:	mov	%ebp, %edi
	lea	-SETUP_BYTES(%ebp), %esi
	mov	$SETUP_BYTES / 4, %ecx
	rep movsl
	sub	$SETUP_BYTES, %ebp
	dec	%edx
	jnz	1b
	mov	%ebx, %esi
	mov	$KERNEL_ENTRY, %eax
	jmp	*%eax

# ---- multiboot: entered in 32 bit, %ebx = multiboot information. Addresses are as loaded: see the linker's -Ttext.
enter_multiboot:
	cli
	cld
	lgdt	gdt_pointer
	ljmp	$0x10, $1f
1:	mov	$0x18, %eax
	mov	%eax, %ds; mov %eax, %es; mov %eax, %fs; mov %eax, %gs; mov %eax, %ss
	mov	$STACK, %esp
	mov	%ebx, %ebp

	# The boot parameters (Documentation/x86/boot.rst, zero-page.rst), as a boot loader of type "unknown".
	mov	$PARAMS, %edi; xor %eax, %eax; mov $1024, %ecx; rep stosl
	movb	$4, PARAMS + 0x1f1              # setup_sects
	movw	$0xaa55, PARAMS + 0x1fe
	movl	$0x53726448, PARAMS + 0x202     # "HdrS"
	movw	$0x020f, PARAMS + 0x206         # protocol version
	movb	$0xff, PARAMS + 0x210           # type of loader
	movb	$0x01, PARAMS + 0x211           # loaded high
	movl	$0x7fffffff, PARAMS + 0x22c     # initrd_addr_max
	testb	$4, (%ebp); jz 2f
	mov	16(%ebp), %eax; mov %eax, PARAMS + 0x228        # command line
2:	testb	$8, (%ebp); jz 3f
	mov	24(%ebp), %esi                  # the first module is the initrd
	mov	(%esi), %eax; mov %eax, PARAMS + 0x218
	mov	4(%esi), %edx; sub %eax, %edx; mov %edx, PARAMS + 0x21c

3:	# Top of memory: the largest end below 3.5 GiB in the multiboot memory map. Then our memory map of two ranges.
	mov	48(%ebp), %esi; mov 44(%ebp), %ecx; add %esi, %ecx; xor %edi, %edi
4:	cmp	%ecx, %esi; jae 6f
	mov	4(%esi), %eax; cmp $0xe0000000, %eax; jae 5f
	add	12(%esi), %eax; cmp $0xe0000000, %eax; ja 5f
	cmp	%edi, %eax; jbe 5f
	mov	%eax, %edi
5:	add	(%esi), %esi; add $4, %esi; jmp 4b
6:	movb	$2, PARAMS + 0x1e8
	movl	$0x9fc00, PARAMS + 0x2d0 + 8; movl $1, PARAMS + 0x2d0 + 16
	movl	$0x100000, PARAMS + 0x2d0 + 20
	sub	$0x100000, %edi; mov %edi, PARAMS + 0x2d0 + 28; movl $1, PARAMS + 0x2d0 + 36
	shr	$10, %edi; mov %edi, PARAMS + 0x1e0             # alt_mem_k

	# Interrupt routing of the PIIX3, as SeaBIOS sets it: PIRQ A..D to 10, 10, 11, 11, level triggered.
	mov	$0x80000860, %eax; mov $0xcf8, %edx; out %eax, %dx
	mov	$0x0b0b0a0a, %eax; mov $0xcfc, %edx; out %eax, %dx
	mov	$0x4d1, %edx; mov $0x0c, %al; out %al, %dx

	# Each PCI device: enable both channels of an IDE controller, tell the others their interrupt.
	xor	%ebx, %ebx                      # device number
7:	mov	%ebx, %edi; shl $11, %edi; or $0x80000000, %edi
	mov	%edi, %eax; call pci_read; cmp $-1, %eax; je 9f
	lea	8(%edi), %eax; call pci_read; shr $16, %eax; cmp $0x0101, %eax; jne 8f
	lea	0x40(%edi), %eax; mov $0xcf8, %edx; out %eax, %dx
	mov	$0x80008000, %eax; mov $0xcfc, %edx; out %eax, %dx
	jmp	9f
8:	lea	0x3c(%edi), %eax; call pci_read
	movzbl	%ah, %ecx; jecxz 9f             # interrupt pin, 0 for none
	lea	-2(%ebx,%ecx), %ecx; and $3, %ecx       # (pin - 1 + device - 1) mod 4
	mov	irqs(%ecx), %al; mov $0xcfc, %edx; out %al, %dx
9:	inc	%ebx; cmp $32, %ebx; jb 7b

	mov	$PARAMS, %esi
	xor	%ebp, %ebp; xor %edi, %edi; xor %ebx, %ebx
	mov	$KERNEL_ENTRY, %eax
	jmp	*%eax

# %eax = address in PCI configuration space; %eax = what is there
pci_read:
	mov	$0xcf8, %edx; out %eax, %dx; mov $0xcfc, %edx; in %dx, %eax; ret

irqs:	.byte	10, 10, 11, 11
	.balign	8
gdt:	.quad	0, 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
	.word	31
	.long	gdt

	.org	0x100000
	.incbin	"vmlinux.bin"
	.balign	16                              # v86 wants a multiple of 4
