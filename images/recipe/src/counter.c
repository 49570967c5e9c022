/* counter: the service of the console. One command a line, one line of answer, no prompt and no echo.
 *
 *   inc      add one             -> count N
 *   add K    add K               -> count N
 *   get                          -> count N
 *   sync     save to the disk    -> synced N   (after fsync)
 *   quit     leave               -> (nothing)
 *
 * The count lives in memory; it starts from the one last saved, else from 0. */
#include "guest.h"

#define STATE "/var/lib/counter"

enum { TCGETS = 0x5401, TCSETS = 0x5402, ECHO = 010 };
struct termios { u32 iflag, oflag, cflag, lflag; unsigned char line, cc[19]; };

static u32 load(void)
{
	char text[16];
	u32 n = 0;
	int fd = open_file(STATE, O_RDONLY), got;
	if (fd < 0)
		return 0;
	got = read_some(fd, text, sizeof text - 1);
	close_file(fd);
	if (got <= 0)
		return 0;
	text[text[got - 1] == '\n' ? got - 1 : got] = 0;
	return get_number(text, &n) < 0 ? 0 : n;
}

/* Write a new file, then rename it: after a power cut there is the old count or the new one, never a torn one. */
static int save(u32 n)
{
	char text[16], *end = put_number(text, n, 1);
	int dir, bad, fd = open_file(STATE ".new", O_WRONLY | O_CREAT | O_TRUNC);
	if (fd < 0)
		return fd;
	*end++ = '\n';
	bad = write_all(fd, text, end - text) < 0 || sync_file(fd) < 0;
	close_file(fd);
	if (bad || sys3(NR_RENAME, (int)(STATE ".new"), (int)STATE, 0) < 0)
		return -1;
	dir = open_file("/var/lib", O_RDONLY);
	if (dir < 0)
		return dir;
	bad = sync_file(dir);
	close_file(dir);
	return bad;
}

static u32 count;

/* One command; 0 when it was `quit`. */
static int obey(const char *line)
{
	u32 k;
	if (same(line, "inc"))
		say_number("count", ++count);
	else if (same(line, "get"))
		say_number("count", count);
	else if (line[0] == 'a' && line[1] == 'd' && line[2] == 'd' && line[3] == ' ' && get_number(line + 4, &k) == 0)
		say_number("count", count += k);
	else if (same(line, "sync")) {
		if (save(count) < 0)
			say("error: not saved\n");
		else
			say_number("synced", count);
	} else if (same(line, "quit"))
		return 0;
	else if (*line)
		say("error: inc, add K, get, sync or quit\n");
	return 1;
}

int main(int argc, char **argv)
{
	static char in[4096], line[256];
	struct termios before, quiet;
	int got, i, used = 0, go = 1, tty = sys3(NR_IOCTL, 0, TCGETS, (int)&before) == 0;
	(void)argc, (void)argv;
	if (tty) {
		quiet = before;
		quiet.lflag &= ~ECHO;
		sys3(NR_IOCTL, 0, TCSETS, (int)&quiet);
	}
	count = load();
	say("counter ready\n");
	while (go && (got = read_some(0, in, sizeof in)) > 0) {
		for (i = 0; go && i < got; i++) {
			if (in[i] == '\n' || in[i] == '\r') {
				line[used] = 0;
				used = 0;
				go = obey(line);
			} else if (used < (int)sizeof line - 1)
				line[used++] = in[i];
		}
	}
	if (tty)
		sys3(NR_IOCTL, 0, TCSETS, (int)&before);
	return 0;
}
