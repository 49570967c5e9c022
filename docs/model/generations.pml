/*
 * Who may be live, and what may have left: the generation protocol of ftvm.
 *
 * Replica 0 is the primary of generation 1; 1 and 2 join it, and whoever is live after it. A step may
 * come at any time after it has become possible, or never: that is what a pause, a slow network and a
 * slow storage are here. Whoever suspects somebody does so whenever it likes: nothing depends on time.
 *
 * An epoch has one record and one output. A record is known by who made it: a replica makes records
 * in one unbroken period at most, so its name stands for the content.
 *
 * A link delivers in order and may end at any place. Records are numbered without gaps and acks are
 * cumulative, so a link is told by how far it has been written and how far it has been read:
 *   records on their way   received[backup] + 1 .. sent      read one at a time
 *   acks on their way      acked .. ackSent                  the newest tells all of them
 *   "in sync" on its way   told                              the newest tells all of them
 * Whoever stops reading loses the rest.
 *
 * README.md ties each step to the code. -DNO_GUARD and its like leave out one safety mechanism.
 */
#define N 3
#ifndef EPOCHS
#define EPOCHS 2
#endif
#ifndef GENERATIONS
#define GENERATIONS 4
#endif
#ifndef CRASHES
#define CRASHES 1
#endif

#define NOBODY 0
#define NAME(who) ((who) + 1)
#define BIT(who) (1 << (who))
/* The link of a primary with a backup, which is 1 or 2. */
#define AT(p, b) ((p) * 2 + (b) - 1)

/* What a replica is. */
#define IDLE 0
#define REPLAYING 1
#define CLAIMING 2
#define LIVE 3
#define OVER 4

/* What a primary knows about a backup, in this order. */
#define GONE 0
#define CATCHING_UP 1
#define REQUIRED 2
#define IN_SYNC 3

/* From when on output waits for a backup. */
#ifdef NO_REQUIRED
#define AWAITED IN_SYNC
#define HAS_CAUGHT_UP(p, b) true
#else
#define AWAITED REQUIRED
#define HAS_CAUGHT_UP(p, b) (acked[AT(p, b)] >= requiredAt[AT(p, b)])
#endif
/* What was said before its state was cut has left: it could not say it again. */
#ifdef NO_CUT_RULE
#define NEED_NOT_REPEAT(p, b) true
#else
#define NEED_NOT_REPEAT(p, b) (released[p] >= cutAt[AT(p, b)])
#endif

/* That one is not in the claim under way. */
#ifdef CONFIRMING_IS_NO_CLAIM
#define MAY_TAKE_IN(p) (!isClaiming[p] || isConfirming[p])
#else
#define MAY_TAKE_IN(p) (!isClaiming[p])
#endif

typedef Log { byte by[EPOCHS + 1] };

/* --- shared storage: each written once, by test-and-set --- */
byte holderOf[GENERATIONS + 2];
byte inSyncOf[GENERATIONS + 2];
byte givenBy[GENERATIONS + 2];  /* Claimed ahead: the primary that is to say goodbye. */

/* --- the replicas --- */
byte role[N];
byte generation[N];
byte received[N];      /* Records in its log; a primary has run as many epochs. */
Log log[N];
/* as a backup */
byte followed[N];
bit isInSync[N];       /* It was told so. */
byte stateOf[N];       /* The epoch its state was cut at. */
bit isAsked[N];        /* Its primary wants it to claim ahead. */
bit hasReserved[N];    /* It has done so; generation[] is still its primary's. */
bit isBidden[N];       /* Its primary has said goodbye. */
/* as a primary */
byte released[N];
bit isClaiming[N];
byte claimed[N];       /* Who was in sync when the claim began, a set. */
bit isClaimStale[N];
bit isConfirming[N];   /* It claimed ahead and is live; this claim takes nobody out. */

/* --- the links, by primary and backup --- */
byte view[N * 2];
byte cutAt[N * 2];
byte requiredAt[N * 2];
byte acked[N * 2];
byte sent[N * 2];
byte ackSent[N * 2];
byte told[N * 2];

/* --- what only we see --- */
byte leftBy[EPOCHS + 1];  /* The content of each output that has left. */
byte crashes;
bit hasJoined;            /* 1 and 2 are alike, so let 1 be the first to join. */
byte i, j, m;             /* 0 between steps. */

/*
 * Output `e` leaves. Only from the holder of a generation, only once with one content, and nothing
 * that somebody who is live in a later generation does not know.
 */
inline release(p, e) {
	assert(holderOf[generation[p]] == NAME(p));
	assert(leftBy[e] == NOBODY || leftBy[e] == log[p].by[e]);
	for (i : 0 .. N - 1) {
		assert(i == p || role[i] != LIVE || generation[i] < generation[p] ||
		       log[i].by[e] == log[p].by[e])
	}
	leftBy[e] = log[p].by[e];
	i = 0
}

inline startClaim(p) {
	isConfirming[p] = 0;
	isClaiming[p] = 1;
	isClaimStale[p] = 0;
	claimed[p] = (view[AT(p, 1)] == IN_SYNC -> BIT(1) : 0) | (view[AT(p, 2)] == IN_SYNC -> BIT(2) : 0)
}

inline clearView(q, r) {
	view[AT(q, r)] = GONE;
	cutAt[AT(q, r)] = 0;
	requiredAt[AT(q, r)] = 0;
	acked[AT(q, r)] = 0
}

inline loseBackup(p, b) {
	if
#ifndef NO_GUARD
	:: view[AT(p, b)] == IN_SYNC ->
		clearView(p, b);
		if
		:: isClaiming[p] ->
			isClaimStale[p] = 1;
#ifndef CONFIRMING_IS_NO_CLAIM
			isConfirming[p] = 0
#endif
		:: else -> startClaim(p)
		fi
#endif
	:: else -> clearView(p, b)
	fi
}

/* m: the newest epoch that every awaited backup has acknowledged. */
inline coveredBy(p) {
	m = received[p];
#ifndef NO_OUTPUT_WAIT
	m = (view[AT(p, 1)] >= AWAITED && acked[AT(p, 1)] < m -> acked[AT(p, 1)] : m);
	m = (view[AT(p, 2)] >= AWAITED && acked[AT(p, 2)] < m -> acked[AT(p, 2)] : m)
#endif
}

/* The backup reads its link no more: what it has not read is lost, what it has sent is on its way. */
inline stopReading(b) {
	sent[AT(followed[b], b)] = 0;
	told[AT(followed[b], b)] = 0;
	followed[b] = 0
}

inline clearHandOver(b) {
	isAsked[b] = 0;
	hasReserved[b] = 0;
	isBidden[b] = 0
}

inline forget(b) {
	stopReading(b);
	role[b] = IDLE;
	generation[b] = 0;
	received[b] = 0;
	for (i : 1 .. EPOCHS) { log[b].by[i] = 0 }
	i = 0;
	isInSync[b] = 0;
	stateOf[b] = 0;
	clearHandOver(b)
}

/* Whoever it was, it says nothing any more. What it sent before may still arrive. */
inline end(p) {
	role[p] = OVER;
	isConfirming[p] = 0;
	isClaiming[p] = 0;
	isClaimStale[p] = 0;
	claimed[p] = 0;
	released[p] = 0;
	isInSync[p] = 0;
	stateOf[p] = 0;
	clearHandOver(p);
	clearView(p, 1);
	clearView(p, 2);
	ackSent[AT(p, 1)] = 0;
	ackSent[AT(p, 2)] = 0
}

inline testAndSet(g, who, members) {
	if
	:: holderOf[g] == NOBODY ->
		holderOf[g] = NAME(who);
		inSyncOf[g] = members
	:: else
	fi
}

/* It has run all it has received. What may not have left is said again. */
inline goLive(b) {
	assert(isInSync[b]);
	for (j : 1 .. EPOCHS) {
		/* Nothing has left that it does not know, and nothing is missing that it cannot say. */
		assert(leftBy[j] == NOBODY || leftBy[j] == log[b].by[j]);
		assert(j > stateOf[b] || leftBy[j] != NOBODY);
		if
		:: j > stateOf[b] && j <= received[b] -> release(b, j)
		:: else
		fi
	}
	j = 0;
	stopReading(b);
	role[b] = LIVE;
	released[b] = received[b];
	isInSync[b] = 0;
	stateOf[b] = 0;
	clearHandOver(b)
}

/* The primary cuts its state for the backup; records follow from there. */
#define JOIN(p, b) \
	:: d_step { role[b] == IDLE && role[p] == LIVE && (b == 1 || hasJoined) -> \
		loseBackup(p, b); \
		hasJoined = 1; \
		role[b] = REPLAYING; \
		followed[b] = p; \
		received[b] = received[p]; \
		stateOf[b] = received[p]; \
		for (i : 1 .. EPOCHS) { log[b].by[i] = log[p].by[i] } \
		i = 0; \
		view[AT(p, b)] = CATCHING_UP; \
		cutAt[AT(p, b)] = received[p]; \
		acked[AT(p, b)] = received[p]; \
		sent[AT(p, b)] = received[p]; \
		ackSent[AT(p, b)] = received[p]; \
		told[AT(p, b)] = 0 }

proctype Backup(byte b) {
	do
	JOIN(0, b)
	JOIN(3 - b, b)
	/* A record is acknowledged when it is received (FT paper 3.2). */
	:: d_step { role[b] == REPLAYING && received[b] < sent[AT(followed[b], b)] ->
		received[b] = received[b] + 1;
		log[b].by[received[b]] = log[followed[b]].by[received[b]];
		ackSent[AT(followed[b], b)] = received[b] }
	/* It is told that it is in sync, and in which generation. */
	:: d_step { role[b] == REPLAYING && told[AT(followed[b], b)] > generation[b] ->
		generation[b] = told[AT(followed[b], b)];
		isAsked[b] = 0;
		hasReserved[b] = 0;
		isInSync[b] = 1 }
	/* A planned switch-over: it claims ahead, and follows on. */
	:: d_step { role[b] == REPLAYING && isInSync[b] && isAsked[b] && !hasReserved[b] &&
		generation[b] < GENERATIONS ->
		isAsked[b] = 0;
		if
		:: holderOf[generation[b] + 1] == NOBODY ->
			testAndSet(generation[b] + 1, b, 0);
			givenBy[generation[b] + 1] = NAME(followed[b]);
			hasReserved[b] = 1
		:: else
		fi }
	/* Its primary has left, and all that it said has arrived: what it has claimed is enough. */
	:: d_step { role[b] == REPLAYING && hasReserved[b] && isBidden[b] &&
		received[b] == sent[AT(followed[b], b)] && told[AT(followed[b], b)] <= generation[b] ->
		generation[b] = generation[b] + 1;
		goLive(b);
		/* In the one after, the storage says so. */
		startClaim(b);
		isConfirming[b] = 1 }
	/* It suspects its primary. */
#ifdef HEIR_NEEDS_NO_GOODBYE
	:: d_step { role[b] == REPLAYING && hasReserved[b] ->
		generation[b] = generation[b] + 1;
		goLive(b) }
#endif
	:: d_step { role[b] == REPLAYING && isInSync[b] ->
		/* With a claim ahead and no goodbye, the generation after is the one that counts. */
		generation[b] = generation[b] + hasReserved[b];
		clearHandOver(b);
		role[b] = CLAIMING }
	:: d_step { role[b] == REPLAYING && !isInSync[b] -> forget(b) }
#ifdef CLAIM_OUT_OF_SYNC
	:: d_step { role[b] == REPLAYING && !isInSync[b] ->
		generation[b] = generation[followed[b]];
		isInSync[b] = 1;
		role[b] = CLAIMING }
#endif
	/* It reads that a generation began without it. */
	:: d_step { role[b] == REPLAYING && isInSync[b] && generation[b] < GENERATIONS &&
		holderOf[generation[b] + 1] != NOBODY && !hasReserved[b] &&
		!(inSyncOf[generation[b] + 1] & BIT(b)) -> forget(b) }
	/* Its claim goes through and it does not hear of it: it asks again. */
	:: d_step { role[b] == CLAIMING && generation[b] < GENERATIONS &&
		holderOf[generation[b] + 1] == NOBODY ->
		testAndSet(generation[b] + 1, b, 0) }
	/* Its claim is answered. */
	:: d_step { role[b] == CLAIMING && generation[b] < GENERATIONS ->
		testAndSet(generation[b] + 1, b, 0);
		generation[b] = generation[b] + 1;
		if
		:: holderOf[generation[b]] == NAME(b) -> goLive(b)
		/* Its own primary began it, with it: the next one is its to claim. */
		:: holderOf[generation[b]] != NAME(b) && (inSyncOf[generation[b]] & BIT(b))
		:: else -> forget(b)
		fi }
#ifdef UNREACHABLE_IS_PERMISSION
	:: d_step { role[b] == CLAIMING && generation[b] < GENERATIONS ->
		generation[b] = generation[b] + 1;
		goLive(b) }
#endif
#ifdef ACK_WHILE_CLAIMING
	:: d_step { role[b] == CLAIMING && ackSent[AT(followed[b], b)] < sent[AT(followed[b], b)] ->
		ackSent[AT(followed[b], b)] = ackSent[AT(followed[b], b)] + 1 }
#endif
	:: d_step { (role[b] == REPLAYING || role[b] == CLAIMING) && crashes < CRASHES ->
		crashes++;
		stopReading(b);
		end(b) }
	:: role[b] == LIVE || role[b] == OVER -> break
	od;
	run Primary(b)
}

/* What a primary does about one backup. */
#define ABOUT(p, b) \
	:: d_step { role[p] == LIVE && view[AT(p, b)] != GONE -> loseBackup(p, b) } \
	:: d_step { role[p] == LIVE && view[AT(p, b)] != GONE && acked[AT(p, b)] < ackSent[AT(p, b)] -> \
		acked[AT(p, b)] = ackSent[AT(p, b)] } \
	:: d_step { role[p] == LIVE && view[AT(p, b)] == CATCHING_UP -> \
		view[AT(p, b)] = REQUIRED; \
		requiredAt[AT(p, b)] = received[p] } \
	:: d_step { role[p] == LIVE && view[AT(p, b)] == REQUIRED && MAY_TAKE_IN(p) && \
		HAS_CAUGHT_UP(p, b) && NEED_NOT_REPEAT(p, b) -> \
		view[AT(p, b)] = IN_SYNC; \
		requiredAt[AT(p, b)] = 0; \
		tell(p, b) }

/* Somebody who reads somewhere else now does not hear it. */
inline tell(p, b) {
	told[AT(p, b)] = (role[b] == REPLAYING && followed[b] == p -> generation[p] : 0)
}

inline sendRecord(p, b) {
	sent[AT(p, b)] =
		(view[AT(p, b)] != GONE && (role[b] == REPLAYING || role[b] == CLAIMING) && followed[b] == p
			-> received[p] : sent[AT(p, b)])
}

/* Ask and, when it has claimed, pause and say goodbye behind the last record. */
#define HAND_OVER(p, b, c) \
	:: d_step { role[p] == LIVE && !isClaiming[p] && view[AT(p, b)] == IN_SYNC && \
		view[AT(p, c)] == GONE && role[b] == REPLAYING && followed[b] == p && \
		!isAsked[b] && !hasReserved[b] && generation[p] < GENERATIONS -> \
		isAsked[b] = 1 } \
	:: d_step { role[p] == LIVE && !isClaiming[p] && view[AT(p, b)] == IN_SYNC && \
		role[b] == REPLAYING && followed[b] == p && hasReserved[b] -> \
		isBidden[b] = 1; \
		end(p) }

proctype Primary(byte p) {
	do
	/* An epoch runs: its record goes to the backups, its output waits. */
	:: d_step { role[p] == LIVE && received[p] < EPOCHS ->
		received[p] = received[p] + 1;
		log[p].by[received[p]] = NAME(p);
		sendRecord(p, 1);
		sendRecord(p, 2) }
	/* The Output Rule (FT paper 2.2), by a primary that is sure to be live. */
	:: d_step { role[p] == LIVE && (!isClaiming[p] || isConfirming[p]) && released[p] < received[p] ->
		coveredBy(p);
		if
		:: released[p] < m ->
			released[p] = released[p] + 1;
			release(p, released[p])
		:: else
		fi;
		m = 0 }
	ABOUT(p, 1)
	ABOUT(p, 2)
	/* It asks its only backup to claim ahead; */
	HAND_OVER(p, 1, 2)
	HAND_OVER(p, 2, 1)
	/* Its claim goes through and it does not hear of it. */
	:: d_step { role[p] == LIVE && isClaiming[p] && generation[p] < GENERATIONS &&
		holderOf[generation[p] + 1] == NOBODY ->
		testAndSet(generation[p] + 1, p, claimed[p]) }
	/* Its claim is answered: it goes on, or it halts for ever. */
	:: d_step { role[p] == LIVE && isClaiming[p] && generation[p] < GENERATIONS ->
		testAndSet(generation[p] + 1, p, claimed[p]);
		if
		:: holderOf[generation[p] + 1] == NAME(p) ->
			generation[p] = generation[p] + 1;
			isClaiming[p] = 0;
			isConfirming[p] = 0;
			claimed[p] = 0;
			if
			:: view[AT(p, 1)] == IN_SYNC -> tell(p, 1)
			:: else
			fi;
			if
			:: view[AT(p, 2)] == IN_SYNC -> tell(p, 2)
			:: else
			fi;
			if
#ifndef STALE_CLAIM_IS_ENOUGH
			:: isClaimStale[p] -> startClaim(p)
#endif
			:: else -> isClaimStale[p] = 0
			fi
		/* Its heir has it, and has not been told goodbye: the one after is to be won. */
		:: givenBy[generation[p] + 1] == NAME(p) ->
			generation[p] = generation[p] + 1;
#ifdef HEIRS_GENERATION_IS_ENOUGH
			isClaiming[p] = 0;
			claimed[p] = 0;
			isClaimStale[p] = 0
#else
			startClaim(p)
#endif
		:: else -> end(p)
		fi }
#ifdef LOST_CLAIM_GOES_ON
	:: d_step { role[p] == LIVE && isClaiming[p] -> isClaiming[p] = 0; claimed[p] = 0; isClaimStale[p] = 0 }
#endif
	/* It looks at the storage and finds somebody else. */
	:: d_step { role[p] == LIVE && !isClaiming[p] && generation[p] < GENERATIONS &&
		holderOf[generation[p] + 1] != NOBODY && holderOf[generation[p] + 1] != NAME(p) &&
		givenBy[generation[p] + 1] != NAME(p) ->
		end(p) }
	:: d_step { role[p] == LIVE && crashes < CRASHES ->
		crashes++;
		end(p) }
	:: role[p] == OVER -> break
	od
}

init {
	atomic {
		holderOf[1] = NAME(0);
		role[0] = LIVE;
		generation[0] = 1;
		run Primary(0);
		run Backup(1);
		run Backup(2)
	}
}
