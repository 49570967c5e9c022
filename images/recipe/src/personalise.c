/* personalise: where a guest that is to be copied waits, and what makes each copy a guest of its own.
 *
 *   ftvm template ready               (it says)
 *   SECONDS MAC RANDOM                (a line it reads, without echo)
 *
 * The clock is set to SECONDS since 1970. MAC becomes the address of eth0, unless it is `-`. RANDOM, hexadecimal or any other
 * word, goes into the kernel's random numbers, which begin anew from there: writing to /dev/urandom alone changes
 * them within minutes only, the ioctl does it at once. Exit status 1 if something of that could not be done. */
#include "guest.h"

enum { NR_SETTIMEOFDAY = 79, NR_SOCKET = 359 };
enum { TCGETS = 0x5401, TCSETS = 0x5402, ECHO = 010, SIOCSIFHWADDR = 0x8924, RNDRESEEDCRNG = 0x5207 };
enum { AF_INET = 2, SOCK_DGRAM = 2, ARPHRD_ETHER = 1 };
struct termios { u32 iflag, oflag, cflag, lflag; unsigned char line, cc[19]; };
struct ifreq { char name[16]; unsigned short family; unsigned char address[14]; };

/* The next word of the line; what follows it is at *rest. */
static char *word(char **rest)
{
	char *start = *rest, *end = start;
	while (*end && *end != ' ' && *end != '\n')
		end++;
	*rest = *end ? end + 1 : end;
	*end = 0;
	return start;
}

static int set_clock(const char *seconds)
{
	u32 now[2] = { 0, 0 };
	return get_number(seconds, &now[0]) < 0 ? -1 : sys3(NR_SETTIMEOFDAY, (int)now, 0, 0);
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int set_address(const char *mac)
{
	struct ifreq request = { "eth0", ARPHRD_ETHER, { 0 } };
	int i, fd;
	if (same(mac, "-"))
		return 0;
	for (i = 0; i < 6; i++, mac += 3) {
		if (digit(mac[0]) < 0 || digit(mac[1]) < 0 || mac[2] != (i < 5 ? ':' : 0))
			return -1;
		request.address[i] = digit(mac[0]) << 4 | digit(mac[1]);
	}
	fd = sys3(NR_SOCKET, AF_INET, SOCK_DGRAM, 0);
	return fd < 0 ? fd : sys3(NR_IOCTL, fd, SIOCSIFHWADDR, (int)&request);
}

static int reseed(const char *random)
{
	int fd = open_file("/dev/urandom", O_WRONLY);
	if (fd < 0 || !*random || write_all(fd, random, length(random)) < 0)
		return -1;
	return sys3(NR_IOCTL, fd, RNDRESEEDCRNG, 0);
}

int main(int argc, char **argv)
{
	char line[256], *rest = line;
	struct termios terminal;
	int got, bad;
	(void)argc, (void)argv;
	if (sys3(NR_IOCTL, 0, TCGETS, (int)&terminal) < 0)
		return 1;
	terminal.lflag ^= ECHO;
	sys3(NR_IOCTL, 0, TCSETS, (int)&terminal);
	say("ftvm template ready\n");
	got = read_some(0, line, sizeof line - 1);
	line[got < 0 ? 0 : got] = 0;
	bad = set_clock(word(&rest)) < 0;
	bad |= set_address(word(&rest)) < 0;
	bad |= reseed(word(&rest)) < 0;
	terminal.lflag ^= ECHO;
	sys3(NR_IOCTL, 0, TCSETS, (int)&terminal);
	return bad;
}
