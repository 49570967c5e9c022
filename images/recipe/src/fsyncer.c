/* fsyncer: for tests of the disk.
 *
 *   fsyncer FILE N     append the records 1..N to a new FILE, each with its own fsync; after each prints `synced I`
 *   fsyncer -c FILE    read it back: prints `intact N` if it is the records 1..N and nothing else,
 *                      else `damaged after N` (and exits with 1)
 *
 * So every number that was printed must still be there after a power cut. */
#include "guest.h"

/* "record 0000000042\n" */
enum { RECORD = 18 };

static void make(char *to, u32 n)
{
	char *p = put_number(put(to, "record "), n, 10);
	*p = '\n';
}

static int check(const char *path)
{
	static char in[RECORD * 512];
	char want[RECORD];
	u32 n = 0;
	int i, got, have = 0, fd = open_file(path, O_RDONLY);
	if (fd < 0) {
		say("error: cannot open the file\n");
		return 2;
	}
	while ((got = read_some(fd, in + have, sizeof in - have)) > 0) {
		int at = 0;
		have += got;
		for (; at + RECORD <= have; at += RECORD) {
			make(want, n + 1);
			for (i = 0; i < RECORD; i++)
				if (in[at + i] != want[i]) {
					say_number("damaged after", n);
					return 1;
				}
			n++;
		}
		for (i = 0; at + i < have; i++)
			in[i] = in[at + i];
		have -= at;
	}
	say_number(got < 0 || have ? "damaged after" : "intact", n);
	return got < 0 || have ? 1 : 0;
}

int main(int argc, char **argv)
{
	char record[RECORD];
	u32 i, n;
	int fd;
	if (argc == 3 && same(argv[1], "-c"))
		return check(argv[2]);
	if (argc != 3 || get_number(argv[2], &n) < 0) {
		say("usage: fsyncer FILE N | fsyncer -c FILE\n");
		return 2;
	}
	fd = open_file(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
	if (fd < 0) {
		say("error: cannot open the file\n");
		return 2;
	}
	for (i = 1; i; i++) {
		if (i > n)
			return 0;
		make(record, i);
		if (write_all(fd, record, RECORD) < 0 || sync_file(fd) < 0) {
			say_number("error: not written", i);
			return 1;
		}
		say_number("synced", i);
	}
	return 0;
}
