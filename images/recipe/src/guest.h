/* What the small programs share: system calls, and just enough text. No C library, so that each is a page or
 * two of machine code that starts at once. i386 Linux only. */
typedef unsigned int u32;

static inline int sys3(int nr, int a, int b, int c)
{
	int r;
	__asm__ volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory");
	return r;
}

enum { NR_EXIT = 1, NR_READ = 3, NR_WRITE = 4, NR_OPEN = 5, NR_CLOSE = 6, NR_RENAME = 38, NR_IOCTL = 54, NR_FSYNC = 118 };
enum { O_RDONLY = 0, O_WRONLY = 1, O_CREAT = 0100, O_TRUNC = 01000, O_APPEND = 02000 };

static inline void quit(int status) { sys3(NR_EXIT, status, 0, 0); __builtin_unreachable(); }
static inline int open_file(const char *path, int flags) { return sys3(NR_OPEN, (int)path, flags, 0644); }
static inline int close_file(int fd) { return sys3(NR_CLOSE, fd, 0, 0); }
static inline int sync_file(int fd) { return sys3(NR_FSYNC, fd, 0, 0); }
static inline int read_some(int fd, char *to, int len) { return sys3(NR_READ, fd, (int)to, len); }

static inline int write_all(int fd, const char *from, int len)
{
	while (len > 0) {
		int n = sys3(NR_WRITE, fd, (int)from, len);
		if (n <= 0)
			return n ? n : -1;
		from += n;
		len -= n;
	}
	return 0;
}

static inline int length(const char *s) { int n = 0; while (s[n]) n++; return n; }
static inline int same(const char *a, const char *b) { while (*a && *a == *b) a++, b++; return *a == *b; }

static inline char *put(char *to, const char *s) { while (*s) *to++ = *s++; return to; }

/* Decimal, at least `width` digits. */
static inline char *put_number(char *to, u32 n, int width)
{
	char digits[10];
	int i = 0;
	do digits[i++] = '0' + n % 10; while (n /= 10);
	while (i < width) digits[i++] = '0';
	while (i) *to++ = digits[--i];
	return to;
}

/* -1 if it is no decimal number that fits. */
static inline int get_number(const char *s, u32 *n)
{
	u32 v = 0;
	if (!*s)
		return -1;
	for (; *s; s++) {
		u32 d = *s - '0';
		if (d > 9 || v > (0xffffffffu - d) / 10)
			return -1;
		v = v * 10 + d;
	}
	*n = v;
	return 0;
}

/* "label N\n" in one write, so that lines of the console stay whole. */
static inline void say_number(const char *label, u32 n)
{
	char line[80], *p = put(line, label);
	*p++ = ' ';
	p = put_number(p, n, 1);
	*p++ = '\n';
	write_all(1, line, p - line);
}

static inline void say(const char *s) { write_all(1, s, length(s)); }

int main(int argc, char **argv);
__attribute__((naked, used)) void _start(void)
{
	__asm__("mov (%esp), %eax; lea 4(%esp), %edx; and $-16, %esp; sub $8, %esp; push %edx; push %eax; call start_main");
}
__attribute__((used)) static void start_main(int argc, char **argv) { quit(main(argc, argv)); }

/* The compiler may call these for copies and fills. */
void *memcpy(void *to, const void *from, u32 n) { char *t = to; const char *f = from; while (n--) *t++ = *f++; return to; }
void *memset(void *to, int c, u32 n) { char *t = to; while (n--) *t++ = c; return to; }
