/*
 * `--commit quorum`: output waits for a majority, and a majority decides who goes live.
 *
 * Replica 0 is the primary of generation 1; 1, 2 and 3 are its backups, each with a seat it never gets
 * back. Steps may come at any time or never, as in generations.pml. Records are numbered; an ack tells
 * how far one has received. The members are those that the newest generation names.
 *
 * Acks and votes are facts that travel: `acked` is what the primary has heard of `received`, `heard`
 * what a candidate has heard of another member. A candidate reads the storage whenever it likes: one that
 * no generation names stands by, votes, and is a candidate again if a later one names it.
 *
 * -DNO_ASKING and its like leave out one rule.
 */
#define N 4
#ifndef EPOCHS
#define EPOCHS 2
#endif
#ifndef GENERATIONS
#define GENERATIONS 5
#endif
#ifndef BACKUPS
#define BACKUPS 3
#endif
#define NOBODY 255

#define FOLLOWING 0
#define LEFT 1
#define CLAIMED 2 /* It has won the generation after `read[b]`. */
#define DEAD 3

#define IN(set, b) ((set) & (1 << (b)))
#define COUNT(set) (IN(set, 1) / 2 + IN(set, 2) / 4 + IN(set, 3) / 8)
/* Of n members: how many acks output needs, how many votes a takeover. */
#define ACKS(n) (((n) + 1) / 2)
#define VOTES(n) ((n) - ACKS(n) + 1)

#ifdef MORE_IS_FINE
#define KNOWS_NO_MORE(theirs, ours) true
#else
#define KNOWS_NO_MORE(theirs, ours) ((theirs) <= (ours))
#endif

/* --- shared storage: each written once --- */
byte holderOf[GENERATIONS + 1];
byte membersOf[GENERATIONS + 1];
byte newest = 1;

/* --- the primary --- */
bit isLive = 1;
byte generation = 1;
byte recorded;
byte released;
byte members;
byte claimed = NOBODY;     /* The members of its claim; NOBODY if none is under way. */
byte acked[N];
byte hasJoined;            /* Who has its state, and may become a member. */
byte lost;                 /* Whose link has ended, for the primary. */

/* --- the backups --- */
byte role[N];
byte received[N];
byte read[N];              /* The newest generation it has read. */
byte heard[N * N];         /* At b * N + m: m has left with that many records; 0: not heard. +1. */
byte winner = NOBODY;
byte left;                 /* What has left, for the judge. */
byte i, n, votes;

/* n: how many of `set` have acknowledged epoch e. */
inline countAcks(set, e) {
	n = 0;
	for (i : 1 .. BACKUPS) {
		if
		:: IN(set, i) && acked[i] >= e -> n++
		:: else
		fi
	}
	i = 0
}

/* Whatever it was, it says nothing any more; a claim of it may be under way to the storage. */
inline end() {
	isLive = 0;
	members = 0;
	if
	:: newest > generation || claimed == NOBODY -> claimed = NOBODY; generation = 0
	:: else
	fi;
	released = 0;
	lost = 0;
	for (i : 1 .. BACKUPS) { acked[i] = 0 }
	i = 0
}

inline forget(b) {
	role[b] = DEAD;
	received[b] = 0;
	read[b] = 0;
	for (i : 1 .. BACKUPS) { heard[b * N + i] = 0 }
	i = 0
}

inline wished() {
	/* Members that are not lost, and who has joined. */
	n = (members | hasJoined) & ~lost & 14
}

inline mayLeave(e) {
	countAcks(members, e);
	votes = (n >= ACKS(COUNT(members)));
#ifndef NEW_MEMBERS_ONLY
	if
	:: claimed != NOBODY ->
		countAcks(claimed, e);
		votes = votes && n >= ACKS(COUNT(claimed))
	:: else
	fi
#endif
	n = 0
}

/* Whoever goes live knows what has left. */
inline goLive(b) {
	assert(received[b] >= left);
	assert(winner == NOBODY);
	winner = b;
	role[b] = CLAIMED
}

proctype Primary() {
	do
	:: d_step { isLive && recorded < EPOCHS -> recorded++ }
	/* Output leaves. */
	:: d_step { isLive && released < recorded ->
		mayLeave(released + 1);
		if
		:: votes ->
			released++;
			left = released;
			/* If somebody is live already it has this, and puts it out as well. */
			assert(winner == NOBODY || received[winner] >= released)
		:: else
		fi;
		votes = 0 }
	/* The members are to be others: written first. */
	:: d_step { isLive && claimed == NOBODY && generation < GENERATIONS ->
		wished();
		if
		:: n != members ->
			claimed = n;
#ifndef CLAIM_IN_SPITE
			if
			:: released > 0 ->
				countAcks(claimed, released);
				if
				:: n < ACKS(COUNT(claimed)) -> claimed = NOBODY
				:: else
				fi
			:: else
			fi;
#endif
#ifdef NEW_MEMBERS_ONLY
			members = (claimed != NOBODY -> claimed : members)
#else
			skip
#endif
		:: else
		fi;
		n = 0 }
	/* Its claim takes effect, and it does not hear of it yet. */
	:: d_step { isLive && claimed != NOBODY && newest == generation ->
		newest++;
		holderOf[newest] = 0;
		membersOf[newest] = claimed }
	/* It hears. */
	:: d_step { isLive && claimed != NOBODY && newest > generation ->
		if
		:: holderOf[generation + 1] == 0 ->
			generation++;
			members = claimed;
			claimed = NOBODY
		:: else -> end()
		fi }
	:: d_step { isLive -> end() }
	/* It is dead, and its claim takes effect. */
	:: d_step { !isLive && claimed != NOBODY && newest == generation ->
		newest++;
		holderOf[newest] = 0;
		membersOf[newest] = claimed;
		claimed = NOBODY }
	:: !isLive -> break
	od
}

proctype Backup(byte b) {
	byte m;
	do
	/* It has its state: everything recorded until now, and says so. */
	:: d_step { isLive && role[b] == FOLLOWING && !IN(hasJoined, b) && !IN(lost, b) ->
#ifdef NAMED_BEFORE_ITS_STATE
		acked[b] = recorded;
#else
		received[b] = recorded;
		acked[b] = recorded;
#endif
		hasJoined = hasJoined | (1 << b) }
	:: d_step { role[b] == FOLLOWING && IN(hasJoined, b) && received[b] < recorded -> received[b]++ }
#ifdef ACK_AFTER_LEAVING
	:: d_step { role[b] == LEFT && IN(hasJoined, b) && received[b] < recorded && isLive -> received[b]++; acked[b] = received[b]; received[b]-- }
#endif
	:: d_step { isLive && !IN(lost, b) && IN(hasJoined, b) && acked[b] < received[b] -> acked[b] = received[b] }
	/* The primary loses it, with or without reason. */
	:: d_step { isLive && !IN(lost, b) && IN(hasJoined, b) -> lost = lost | (1 << b) }
	/* It loses the primary, with or without reason, and reads who the members are. */
	:: d_step { role[b] == FOLLOWING && IN(hasJoined, b) -> role[b] = LEFT; read[b] = newest }
	:: d_step { role[b] == LEFT && read[b] < newest -> read[b] = newest }
	/* It is none of the members, or somebody else is live: it joins again, as another one. */
	:: d_step { role[b] == LEFT && (holderOf[read[b]] != 0 || !IN(membersOf[read[b]], b)) && (!isLive || IN(lost, b)) -> forget(b) }
	/* It asks another one. */
	:: d_step { role[b] == LEFT ->
		if
		:: m = 1
		:: m = 2
		:: m = BACKUPS
		fi;
		if
#ifdef VOTE_WHILE_FOLLOWING
		:: m != b && role[m] <= LEFT -> heard[b * N + m] = received[m] + 1
#else
		:: m != b && role[m] == LEFT -> heard[b * N + m] = received[m] + 1
#endif
#ifdef VOTE_WITHOUT_THE_LOG
		:: m != b && role[m] == DEAD -> heard[b * N + m] = 1
#endif
		:: else
		fi;
		m = 0 }
	/* It has the votes, and its claim goes through or comes too late. */
	:: d_step { role[b] == LEFT && holderOf[read[b]] == 0 && IN(membersOf[read[b]], b) ->
		votes = 1;
		for (i : 1 .. BACKUPS) {
			if
			:: i != b && IN(membersOf[read[b]], i) && heard[b * N + i] > 0 &&
				KNOWS_NO_MORE(heard[b * N + i], received[b] + 1) -> votes++
			:: else
			fi
		}
		i = 0;
#ifdef NO_ASKING
		votes = N;
#endif
		if
		:: votes >= VOTES(COUNT(membersOf[read[b]])) && newest == read[b] && newest < GENERATIONS ->
			newest++;
			holderOf[newest] = b;
			membersOf[newest] = 0;
			goLive(b)
		:: else
		fi;
		votes = 0 }
	:: d_step { role[b] <= LEFT -> forget(b) }
	:: role[b] >= CLAIMED -> break
	od
}

init {
	atomic {
		run Primary();
		run Backup(1);
		run Backup(2);
		if
		:: BACKUPS > 2 -> run Backup(3)
		:: else
		fi
	}
}
