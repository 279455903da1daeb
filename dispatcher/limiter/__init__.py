"""When the next session of an agent may start: the approved rate to the full, almost without a refusal.

**What is known.** A call that starts at s arrives at a = s + d and is answered at r = a + u. The server
judges it at a, which we never see. It may count in any second, in each second of the wall clock, by a bucket
of tokens, or demand 1/limit between any two calls. Even sending is therefore not enough: half of all jitter
moves a call towards the one before it.

**One formula.** Calls travel in lanes, one call at a time each. A call's lane opens again at

    start + window + min(patience, max(0, round trip - floor))

With ``limit`` lanes of one second, a(k + limit) - a(k) >= 1 unless u(k) + d(k + limit), which is distributed
like any round trip, falls below the floor. The floor is set a little below the least of the last one to two
thousand round trips (``round_trips``), so that happens to one call in about five thousand, whatever the law of
the jitter. A late answer delays its own lane only, by just what is needed, and never by more than the
patience of 2 s, so a call that is not answered stalls nobody. One lane of 1/limit seconds does the same for a
server that wants even spacing. Nothing here depends on what the server's clock shows.

**Safe first, bolder where it pays** (``stances``). Every run of an unknown agent begins with one even lane:
no way of counting refuses that. Three bolder stances exist, each dared only once the calls lost by not daring
are worth what a failure costs, and taken back after two or three refusals close together; trying again must
then promise three hundred times as much, doubling with each failure. Failures of the guard and of the others
are counted apart, and one that comes after thousands of calls is none:

=====================================  ==============================================================
``limit`` lanes of a second            network jitter, rare slow calls, answers slower than 1/limit;
                                       all but even servers take it
patience of 5 ms, the *guard*          answers late because the API works after it has counted
patience of 0, on the *beat*           jitter, where the server counts wall-clock seconds or tokens;
                                       starts keep to a beat, which a refusal shifts away from the edge
                                       of the server's second
=====================================  ==============================================================

On a quick network little is at stake, so little is dared. What was found is kept (``Learnt``).

**Refusals** hold everything, 1/(2 limit) at first, doubled each time up to 5 s, and at least ``Retry-After``.
When the first stance is refused three times within thirty calls, it is the limit that is not active; and so it
is, whatever the stance, when of the last thirty calls answered more than ``limit`` were refused, and since the
first of these no more a second were accepted than the next lower limit grants. (Where answers take seconds, the
first stance is too slow to be refused, and a bolder one is taken back after a dozen refusals in one go.) Then the
next lower limit that may hold is used, said in ``note``, and the approved one tried again after a minute, then
two, then four, then every five; if that fails, what was found at the lower limit holds again.

**What each part is worth**, simulated for 3 x 1 h at limit 5 (used / refused, per cent; without -> with):

- caution below the least round trip (sliding, 80 ms jittery): 92.6 / 0.08 -> 92.0 / 0.03
- lanes of a second (the same): 70.7 / 0.00 -> 92.0 / 0.03
- the guard (sliding, API works 0.6 s): 48.9 -> 99.4, refused below 0.01
- counting its failures apart (even, the same; three hours in which lanes failed first): 88.2 -> 97.3
- patience 0 (fixed, 80 ms jittery): 91.9 / 0.00 -> 99.6 / 0.04; in it, keeping the beat: 99.2 / 0.28 -> 99.6 /
  0.04, and shifting it: 96.9 / 0.13 -> 99.6 / 0.04
- noticing a longer way (limit 1, from 80 to 160 ms): 83.7 -> 97.7

``python -m tests.benchmarks.frontier`` measures the whole.

The pure part (``Pacer``) has no clock and no loop, so the same code runs in simulation and in production;
``Limiter`` is its face for asyncio, with aiolimiter as the hard ceiling underneath. Everything is imported from the
file it is in: who asks for the time a campaign takes at least needs no event loop and no statistics.
"""
