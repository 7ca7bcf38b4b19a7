// SPDX-License-Identifier: MIT
// The protocol of smp/exchange.c on memory that is ordered as on x86: hand-over, doorbell, queues
// that wait for a slot, halting and waking. The names are those of the source.
// check.py says how many messages travel between which cores, and which change to the protocol is
// tried: each of those takes out something that the protocol needs, and must be found out.
// Checked in every order of steps: messages arrive, in order, once; when nothing moves any more, all
// that were sent have arrived.
// Memory: Sewell and others, x86-TSO, 2010. Stores of a core wait in its store buffer, first in first
// out, and reach memory at any time; a barrier waits until the buffer is empty. Nobody reads here
// what it has stored itself, so loads come from memory.

#define CORES 3

// Changes.
#define NONE                  0
#define RING_WITHOUT_BARRIER  1
#define ARM_WITHOUT_BARRIER   2
#define ARM_WITHOUT_LOOK      3  // at the bell, before the halt
#define WATCH_AFTER_LOOK      4  // MONITOR too late
#define RING_BEFORE_SAID      5
#define SAID_BEFORE_MESSAGE   6
#define TAKEN_BEFORE_MESSAGE  7  // the slot may be filled again before it is read
#define RING_BEFORE_TAKEN     8  // the sender may see the slot full once more
#define BELL_IS_A_FLAG        9  // that the receiver clears, without a barrier
#define LAST_RINGER_ONLY      10 // as if no ring could cover another
#define QUEUE_SAYS_NOTHING    11
#define QUEUE_DOES_NOT_RING   12 // the receiver may have taken before it was said
#define ONLY_TAKE_RINGS_BACK  13
#define POSTS_STAY_IN_A_HALT  14
#define POSTS_SAY_NOTHING     15 // when they find the slot full

// Shared memory: of each ordered pair, and of each core.
#define PAIR(writer, other) ((writer) * CORES + (other))
#define MESSAGE(writer, other) (0 * CORES * CORES + PAIR(writer, other)) // FIRST * 8 + LAST
#define TAKEN(writer, other) (1 * CORES * CORES + PAIR(writer, other))
#define SAID(writer, other) (2 * CORES * CORES + PAIR(writer, other)) // NUMBER * 2 + WAITS
#define RUNG(core) (3 * CORES * CORES + (core))
#define HALTING(core) (3 * CORES * CORES + CORES + (core))
byte memory[3 * CORES * CORES + 2 * CORES];

chan store_buffer[CORES] = [4] of { byte, byte };
bool interrupt[CORES];

// What the environment of the run says.
hidden byte change;
hidden byte uses_mwait;
hidden byte cores;
hidden byte posts; // messages are sent or posted, at will
byte to_send[CORES * CORES]; // of each pair, messages that are not sent yet
byte arrived[CORES * CORES];
byte sent[CORES * CORES];

#define store(where, value) store_buffer[self]!where, value
#define barrier_unless(without) (change == without || empty(store_buffer[self]))

// The store buffer of one core.
proctype drain(byte self)
{
    byte where, value;
    do
    :: atomic {
           store_buffer[self]?where, value;
           memory[where] = value;
           where = 0;
           value = 0
       }
    od
}

inline ring(core)
{
    if
    :: change == BELL_IS_A_FLAG -> store(RUNG(core), 1)
    :: else -> atomic {
           ring_count++;
           store(RUNG(core), ring_count * CORES + self)
       }
    fi;
    barrier_unless(RING_WITHOUT_BARRIER);
    if
    :: memory[HALTING(core)] -> interrupt[core] = true
    :: else
    fi
}

inline say(core, what)
{
    if
    :: change == RING_BEFORE_SAID ->
        ring(core);
        store(SAID(self, core), what)
    :: else ->
        store(SAID(self, core), what);
        ring(core)
    fi
}

inline hand_over(core, first, last)
{
    filled[core]++;
    if
    :: change == SAID_BEFORE_MESSAGE ->
        say(core, filled[core] * 2);
        store(MESSAGE(self, core), first * 8 + last)
    :: else ->
        store(MESSAGE(self, core), first * 8 + last);
        say(core, filled[core] * 2)
    fi
}

// What is queued goes, or if it was posted, it is said that it waits.
inline send_queue(core)
{
    if
    :: memory[TAKEN(core, self)] == filled[core] ->
        posted[core] = false;
        hand_over(core, queue_first[core], sent[PAIR(self, core)]);
        queue_first[core] = 0;
        worked = true
    :: memory[TAKEN(core, self)] != filled[core] ->
        if
        :: posted[core] && change != POSTS_SAY_NOTHING ->
            posted[core] = false;
            say(core, filled[core] * 2 + 1)
        :: else -> posted[core] = false
        fi
    fi
}

// A thread leaves one message to go with others.
inline exchange_post(core)
{
    atomic {
        to_send[PAIR(self, core)]--;
        sent[PAIR(self, core)]++;
        if
        :: queue_first[core] == 0 ->
            queue_first[core] = sent[PAIR(self, core)];
            posted[core] = true
        :: else
        fi
    }
}

// A thread sends one message.
inline exchange_send(core)
{
    atomic {
        to_send[PAIR(self, core)]--;
        sent[PAIR(self, core)]++
    };
    if
    :: queue_first[core] != 0 -> // goes with the others
        if
        :: posted[core] -> send_queue(core)
        :: else
        fi
    :: queue_first[core] == 0 ->
        if
        :: memory[TAKEN(core, self)] == filled[core] ->
            hand_over(core, sent[PAIR(self, core)], sent[PAIR(self, core)])
        :: else ->
            queue_first[core] = sent[PAIR(self, core)];
            if
            :: change == QUEUE_SAYS_NOTHING
            :: change == QUEUE_DOES_NOT_RING ->
                store(SAID(self, core), filled[core] * 2 + 1)
            :: else -> say(core, filled[core] * 2 + 1)
            fi
        fi
    fi
}

inline take(sender)
{
    message = memory[MESSAGE(sender, self)];
    if
    :: change == RING_BEFORE_TAKEN && said % 2 -> ring(sender)
    :: else
    fi;
    store(TAKEN(self, sender), said / 2);
    if
    :: change == TAKEN_BEFORE_MESSAGE -> message = memory[MESSAGE(sender, self)]
    :: else
    fi;
    if
    :: change != RING_BEFORE_TAKEN && said % 2 -> ring(sender)
    :: else
    fi;
    atomic {
        assert(message / 8 == arrived[PAIR(sender, self)] + 1);
        arrived[PAIR(sender, self)] = message % 8;
        message = 0;
        worked = true
    }
}

inline hear(sender)
{
    if
    :: memory[SAID(sender, self)] != heard[sender] ->
        said = memory[SAID(sender, self)];
        if
        :: said / 2 != heard[sender] / 2 ->
            heard[sender] = said;
            take(sender)
        :: else ->
            heard[sender] = said;
            if
            :: said % 2 && change != ONLY_TAKE_RINGS_BACK -> ring(sender)
            :: else
            fi
        fi;
        said = 0
    :: else
    fi
}

inline send_owed(core)
{
    if
    :: queue_first[core] != 0 -> send_queue(core)
    :: else
    fi
}

inline exchange_poll()
{
    worked = false;
    if
    :: armed ->
        armed = false;
        store(HALTING(self), 0)
    :: else
    fi;
    if
    :: memory[RUNG(self)] != seen ->
        if
        :: change == BELL_IS_A_FLAG -> store(RUNG(self), 0)
        :: else -> seen = memory[RUNG(self)]
        fi;
        for (other : 0 .. cores - 1) {
            if
            :: change == LAST_RINGER_ONLY && seen % CORES != other
            :: else -> hear(other)
            fi
        }
    :: else
    fi;
    if
    :: queue_first[0] + queue_first[1] + queue_first[2] != 0 ->
        for (other : 0 .. cores - 1) {
            send_owed(other)
        }
    :: else
    fi;
    other = 0
}

// HLT ends with an interrupt, MWAIT also with a store to what is watched. An interrupt that came
// while interrupts were on is over. A thread that is still to send wakes up by its timer.
inline idle()
{
    interrupt[self] = false;
    if
    :: change != POSTS_STAY_IN_A_HALT ->
        for (other : 0 .. cores - 1) {
            send_owed(other)
        }
        other = 0
    :: else
    fi;
    if
    :: uses_mwait && change != WATCH_AFTER_LOOK -> watched = memory[RUNG(self)]
    :: else
    fi;
    if
    :: !uses_mwait ->
        armed = true;
        store(HALTING(self), 1);
        barrier_unless(ARM_WITHOUT_BARRIER)
    :: else
    fi;
    if
    :: change != ARM_WITHOUT_LOOK && memory[RUNG(self)] != seen
    :: change == ARM_WITHOUT_LOOK || memory[RUNG(self)] == seen ->
        if
        :: uses_mwait && change == WATCH_AFTER_LOOK -> watched = memory[RUNG(self)]
        :: else
        fi;
        if
        :: interrupt[self]
        :: uses_mwait && memory[RUNG(self)] != watched
        :: to_send[PAIR(self, 0)] + to_send[PAIR(self, 1)] + to_send[PAIR(self, 2)] > 0
        fi
    fi;
    watched = 0
}

// Which thread runs when is left open, so any of them may run between two turns of the loop. Other
// pollers may send as well, after the exchange had its turn and right before a halt.
proctype core(byte self)
{
    byte filled[CORES], heard[CORES], queue_first[CORES];
    bool worked, armed, may_halt, posted[CORES];
    byte ring_count, seen, watched, said, message, other;
    do
    :: to_send[PAIR(self, 0)] > 0 -> exchange_send(0)
    :: posts && to_send[PAIR(self, 0)] > 0 -> exchange_post(0)
    :: to_send[PAIR(self, 1)] > 0 -> exchange_send(1)
    :: posts && to_send[PAIR(self, 1)] > 0 -> exchange_post(1)
    :: to_send[PAIR(self, 2)] > 0 -> exchange_send(2)
    :: posts && to_send[PAIR(self, 2)] > 0 -> exchange_post(2)
    :: !may_halt ->
        exchange_poll();
        may_halt = !worked
    :: may_halt ->
        idle();
        may_halt = false
    od
}

// Nothing moves any more.
proctype judge()
{
    byte pair;
    timeout ->
    for (pair : 0 .. CORES * CORES - 1) {
        assert(to_send[pair] == 0);
        assert(arrived[pair] == sent[pair])
    }
}

c_code {
    static int setting(const char *name)
    {
        const char *value = getenv(name);
        return value == NULL ? 0 : atoi(value);
    }
}

init
{
    atomic {
        c_code {
            now.to_send[0 * 3 + 1] = setting("SEND_01");
            now.to_send[0 * 3 + 2] = setting("SEND_02");
            now.to_send[1 * 3 + 0] = setting("SEND_10");
            now.to_send[2 * 3 + 0] = setting("SEND_20");
            change = setting("CHANGE");
            uses_mwait = setting("MWAIT");
            cores = setting("CORES");
            posts = setting("POSTS");
        };
        run drain(0);
        run drain(1);
        run core(0);
        run core(1);
        if
        :: cores > 2 ->
            run drain(2);
            run core(2)
        :: else
        fi;
        run judge()
    }
}
