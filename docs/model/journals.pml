/*
 * Two hosts that keep the log (--journal-sync), and may die at any time, both of them: what may leave,
 * what may be written, and who may start the VM again from what is left on their disks.
 *
 * generations.pml has the protocol between replicas that live, message by message. Here a message is
 * one step and a host's journal is what is new: it outlives its host's processes, and what was not
 * durable yet when they died is gone. A step may come at any time after it has become possible, or
 * never.
 *
 * An epoch has one record, one output and one write to the shared disk; a record is known by who made
 * it. Processes have names that are never used again. The operator never says `--cold`.
 *
 * README.md ties each step to the code. -DNO_GUARD and its like leave out one safety mechanism.
 */
#define HOSTS 2
#ifndef EPOCHS
#define EPOCHS 2
#endif
#ifndef GENERATIONS
#define GENERATIONS 4
#endif
/* Processes, of both hosts together. */
#ifndef STARTS
#define STARTS 5
#endif

#define NOBODY 0
#define BIT(n) (1 << (n))
#define OTHER(h) (1 - (h))

/* What the process on a host is. */
#define DEAD 0
#define LOOKING 1       /* For somebody to follow, or something to start. */
#define JOINING 2
#define IN_SYNC 3
#define CLAIMING 4      /* It starts the VM: from its journal, or for the first time. */
#define TAKING_OVER 5   /* It was in sync, and has won the generation after. */
#define LIVE 6

typedef Log { byte by[EPOCHS + 1] };

/* --- shared storage --- */
byte latest;                       /* The newest generation. */
byte holderOf[GENERATIONS + 1];
byte writtenBy[EPOCHS + 1];        /* The disk: whose write of each epoch is on it. */

/* --- the disk of each host --- */
bit hasJournal[HOSTS];
byte durable[HOSTS];               /* The records that would survive. */
Log kept[HOSTS];
byte owners[HOSTS];                /* Processes that kept it, a set. */
byte memberOf[HOSTS];              /* Generations in which one of them was told that it is in sync, a set. */

/* --- the process on each host --- */
byte state[HOSTS];
byte name[HOSTS];
byte generation[HOSTS];            /* In which it is live, or follows; before a claim, the newest it saw. */
byte received[HOSTS];              /* Records in its memory; a primary has run as many epochs. */
Log log[HOSTS];
bit isKeeping[HOSTS];              /* Its journal is of what it runs. */
bit resumes[HOSTS];
/* as a primary */
byte awaits[HOSTS];                /* The process whose acks and journal it waits for. */
byte neededAt[HOSTS];              /* What had left when it began to. */
bit wasTold[HOSTS];                /* That process knows that it is in sync. */
bit isGuarded[HOSTS];              /* It lost one that was: nothing leaves before a claim. */
byte released[HOSTS];
byte wrote[HOSTS];

/* --- what only we see --- */
byte leftBy[EPOCHS + 1];           /* The content of each output that has left. */
byte starts;
byte i;                            /* 0 between steps. */

/* The journal on `h` has all that the VM had when it died: see src/journal/lineage.ts. */
#define IS_OF_LATEST(h) (hasJournal[h] && ((memberOf[h] & BIT(latest)) || (owners[h] & BIT(holderOf[latest]))))
#ifdef NO_LINEAGE
#define MAY_RESUME(h) (hasJournal[h])
#else
#define MAY_RESUME(h) IS_OF_LATEST(h)
#endif

#define FOLLOWS(b, p) ((state[b] == JOINING || state[b] == IN_SYNC) && state[p] == LIVE && generation[b] == generation[p])
#define IS_AWAITED(b, p) (awaits[p] != NOBODY && awaits[p] == name[b] && (state[b] == JOINING || state[b] == IN_SYNC))

/* Every awaited backup has the record. */
#define IS_ACKED(p, e) (awaits[p] == NOBODY || (IS_AWAITED(OTHER(p), p) && received[OTHER(p)] >= (e)))
/* Every journal has it for good: ours, and that of the backup. */
#ifdef OWN_JOURNAL_ONLY
#define IS_KEPT(p, e) (isKeeping[p] && durable[p] >= (e))
#else
#define IS_KEPT(p, e) (isKeeping[p] && durable[p] >= (e) && \
	(awaits[p] == NOBODY || (IS_AWAITED(OTHER(p), p) && isKeeping[OTHER(p)] && durable[OTHER(p)] >= (e))))
#endif
#ifdef NO_JOURNAL_WAIT
#define MAY_LEAVE(p, e) IS_ACKED(p, e)
#else
#define MAY_LEAVE(p, e) (IS_ACKED(p, e) && IS_KEPT(p, e))
#endif
#ifdef NO_WRITE_AFTER_LOG
#define MAY_WRITE(p, e) IS_ACKED(p, e)
#else
#define MAY_WRITE(p, e) (IS_ACKED(p, e) && IS_KEPT(p, e))
#endif

/* A backup that has claimed: its own journal has what it will let out. */
#ifdef LIVE_BEFORE_KEPT
#define HAS_ALL_KEPT(h) true
#else
#define HAS_ALL_KEPT(h) (durable[h] == received[h])
#endif
/* The backup, and its journal, have all that left before output waited for them. */
#ifdef NO_CATCH_UP
#define HAS_CAUGHT_UP(p) true
#else
#define HAS_CAUGHT_UP(p) (received[OTHER(p)] >= neededAt[p] && durable[OTHER(p)] >= neededAt[p])
#endif

/* Whoever goes live knows all output that has left, and no write is on the disk that it does not know. */
inline checkLive(h) {
	for (i : 1 .. EPOCHS) {
		assert(leftBy[i] == NOBODY || (received[h] >= i && log[h].by[i] == leftBy[i]));
		assert(writtenBy[i] == NOBODY || (received[h] >= i && log[h].by[i] == writtenBy[i]))
	}
	i = 0
}

inline goLive(h) {
	checkLive(h);
	state[h] = LIVE;
	awaits[h] = NOBODY;
	neededAt[h] = 0;
	wasTold[h] = 0;
	isGuarded[h] = 0;
	released[h] = 0;
	wrote[h] = 0
}

/* A run from power-on: what was there before is let go. */
inline beginAtPowerOn(h) {
	hasJournal[h] = 1;
	durable[h] = 0;
	for (i : 1 .. EPOCHS) { kept[h].by[i] = NOBODY }
	i = 0;
	owners[h] = BIT(name[h]);
	memberOf[h] = 0;
	isKeeping[h] = 1
}

inline forgetMemory(h) {
	received[h] = 0;
	for (i : 1 .. EPOCHS) { log[h].by[i] = NOBODY }
	i = 0;
	isKeeping[h] = 0;
	resumes[h] = 0;
	generation[h] = 0;
	awaits[h] = NOBODY;
	neededAt[h] = 0;
	wasTold[h] = 0;
	isGuarded[h] = 0;
	released[h] = 0;
	wrote[h] = 0
}

proctype Host(byte h) {
	do
	/* --- processes come and go --- */
	:: d_step { state[h] == DEAD && starts < STARTS ->
		starts++;
		name[h] = starts;
		state[h] = LOOKING
	}
	:: d_step { state[h] != DEAD ->
		state[h] = DEAD;
		name[h] = NOBODY;
		forgetMemory(h);
		/* When both are dead, somebody can go on without a word of the operator. */
		assert(latest == 0 || state[OTHER(h)] != DEAD || IS_OF_LATEST(0) || IS_OF_LATEST(1))
	}

	/* --- starting the VM: from the journal, or for the first time --- */
	:: d_step { state[h] == LOOKING && latest == 0 ->
#ifndef JOURNAL_AFTER_CLAIM
		beginAtPowerOn(h);
#endif
		generation[h] = 0;
		state[h] = CLAIMING
	}
	:: d_step { state[h] == LOOKING && latest > 0 && name[OTHER(h)] != holderOf[latest] && MAY_RESUME(h) ->
#ifndef KEEPER_AFTER_CLAIM
		owners[h] = owners[h] | BIT(name[h]);
#endif
		generation[h] = latest;
		resumes[h] = 1;
		state[h] = CLAIMING
	}
#ifdef BOOT_BESIDE
	:: d_step { state[h] == LOOKING && latest > 0 && name[OTHER(h)] != holderOf[latest] && !hasJournal[h] ->
		beginAtPowerOn(h);
		generation[h] = latest;
		state[h] = CLAIMING
	}
#endif
	:: d_step { state[h] == CLAIMING && latest == generation[h] && latest < GENERATIONS ->
		latest++;
		holderOf[latest] = name[h];
		generation[h] = latest;
		if
		:: resumes[h] ->
			received[h] = durable[h];
			for (i : 1 .. EPOCHS) { log[h].by[i] = (i <= durable[h] -> kept[h].by[i] : NOBODY) }
			i = 0;
			isKeeping[h] = 1
		:: else
		fi;
		resumes[h] = 0;
		goLive(h)
	}
	:: d_step { state[h] == CLAIMING && latest != generation[h] ->
		forgetMemory(h);
		state[h] = LOOKING
	}
#ifdef JOURNAL_AFTER_CLAIM
	:: d_step { state[h] == LIVE && !isKeeping[h] -> beginAtPowerOn(h) }
#endif
#ifdef KEEPER_AFTER_CLAIM
	:: d_step { state[h] == LIVE && isKeeping[h] && !(owners[h] & BIT(name[h])) -> owners[h] = owners[h] | BIT(name[h]) }
#endif

	/* --- joining whoever is live --- */
	:: d_step { state[h] == LOOKING && state[OTHER(h)] == LIVE && awaits[OTHER(h)] == NOBODY && !isGuarded[OTHER(h)] ->
		state[h] = JOINING;
		generation[h] = generation[OTHER(h)];
		received[h] = received[OTHER(h)];
		for (i : 1 .. EPOCHS) { log[h].by[i] = log[OTHER(h)].by[i] }
		i = 0
	}
	/* Its run begins with that state; only when it is durable the one before goes. */
	:: d_step { state[h] == JOINING && !isKeeping[h] ->
		hasJournal[h] = 1;
		durable[h] = received[h];
		for (i : 1 .. EPOCHS) { kept[h].by[i] = log[h].by[i] }
		i = 0;
		owners[h] = BIT(name[h]);
		memberOf[h] = 0;
		isKeeping[h] = 1
	}
	:: d_step { FOLLOWS(h, OTHER(h)) && received[h] < received[OTHER(h)] ->
		received[h]++;
		log[h].by[received[h]] = log[OTHER(h)].by[received[h]]
	}
	:: d_step { isKeeping[h] && durable[h] < received[h] ->
		durable[h]++;
		kept[h].by[durable[h]] = log[h].by[durable[h]]
	}
	/* "In sync" reaches it, and its journal later, or never. */
	:: d_step { state[h] == JOINING && FOLLOWS(h, OTHER(h)) && IS_AWAITED(h, OTHER(h)) && wasTold[OTHER(h)] ->
		state[h] = IN_SYNC
	}
	:: d_step { state[h] == IN_SYNC && isKeeping[h] && !(memberOf[h] & BIT(generation[h])) ->
		memberOf[h] = memberOf[h] | BIT(generation[h])
	}

	/* --- losing the primary --- */
	:: d_step { state[h] == JOINING ->
		forgetMemory(h);
		state[h] = LOOKING
	}
	:: d_step { state[h] == IN_SYNC && latest == generation[h] && latest < GENERATIONS ->
		latest++;
		holderOf[latest] = name[h];
		generation[h] = latest;
		state[h] = TAKING_OVER
	}
	:: d_step { state[h] == IN_SYNC && latest != generation[h] ->
		forgetMemory(h);
		state[h] = LOOKING
	}
	:: d_step { state[h] == TAKING_OVER && HAS_ALL_KEPT(h) ->
		goLive(h);
		/* What the old primary held leaves at once. */
		for (i : 1 .. EPOCHS) {
			if
			:: i <= received[h] ->
				assert(leftBy[i] == NOBODY || leftBy[i] == log[h].by[i]);
				leftBy[i] = log[h].by[i]
			:: else
			fi
		}
		i = 0;
		released[h] = received[h]
	}

	/* --- a primary --- */
	:: d_step { state[h] == LIVE && received[h] < EPOCHS ->
		received[h]++;
		log[h].by[received[h]] = name[h]
	}
	:: d_step { state[h] == LIVE && !isGuarded[h] && released[h] < received[h] && MAY_LEAVE(h, released[h] + 1) ->
		released[h]++;
		assert(leftBy[released[h]] == NOBODY || leftBy[released[h]] == log[h].by[released[h]]);
		leftBy[released[h]] = log[h].by[released[h]]
	}
	:: d_step { state[h] == LIVE && !isGuarded[h] && wrote[h] < received[h] && MAY_WRITE(h, wrote[h] + 1) ->
		wrote[h]++;
		writtenBy[wrote[h]] = log[h].by[wrote[h]]
	}
	/* It waits for a backup from now on, and tells it that it is in sync when it has what left before. */
	:: d_step { state[h] == LIVE && awaits[h] == NOBODY && !isGuarded[h] && state[OTHER(h)] == JOINING &&
	            FOLLOWS(OTHER(h), h) && isKeeping[OTHER(h)] ->
		awaits[h] = name[OTHER(h)];
		neededAt[h] = (released[h] > wrote[h] -> released[h] : wrote[h]);
		wasTold[h] = 0
	}
	:: d_step { state[h] == LIVE && IS_AWAITED(OTHER(h), h) && !wasTold[h] && HAS_CAUGHT_UP(h) ->
		wasTold[h] = 1
	}
	/* It loses it, with or without reason. */
	:: d_step { state[h] == LIVE && awaits[h] != NOBODY && !isGuarded[h] ->
#ifndef NO_GUARD
		isGuarded[h] = wasTold[h];
#endif
		awaits[h] = NOBODY;
		wasTold[h] = 0
	}
	:: d_step { state[h] == LIVE && isGuarded[h] && latest == generation[h] && latest < GENERATIONS ->
		latest++;
		holderOf[latest] = name[h];
		generation[h] = latest;
		isGuarded[h] = 0
	}
	:: d_step { state[h] == LIVE && isGuarded[h] && latest != generation[h] ->
		forgetMemory(h);
		state[h] = LOOKING
	}
	od
}

init {
	atomic {
		run Host(0);
		run Host(1)
	}
}
