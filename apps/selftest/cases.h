// SPDX-License-Identifier: MIT
// Every case. A row here and the function case_NAME() make a case.
#pragma once

#define CASES(CASE)                                                                                \
    CASE(percore_template)                                                                         \
    CASE(percore_private)                                                                          \
    CASE(percore_seen_from_core_0)                                                                 \
    CASE(thread_on_each_core)                                                                      \
    CASE(thread_on_bad_core)                                                                       \
    CASE(thread_names)                                                                             \
    CASE(thread_order)                                                                             \
    CASE(thread_yield_round_robin)                                                                 \
    CASE(thread_thousand)                                                                          \
    CASE(thread_memory_returns)                                                                    \
    CASE(thread_deep_stack)                                                                        \
    CASE(thread_join)                                                                              \
    CASE(thread_ends_leave_nothing)                                                                \
    CASE(thread_priorities)                                                                        \
    CASE(thread_yield_lets_loop_run)                                                               \
    CASE(thread_stack_used)                                                                        \
    CASE(wake_before_wait)                                                                         \
    CASE(wake_from_thread)                                                                         \
    CASE(wake_does_not_end_sleep)                                                                  \
    CASE(wait_timeout)                                                                             \
    CASE(sleep_not_early)                                                                          \
    CASE(sleepers_in_order)                                                                        \
    CASE(timer_start_move_stop)                                                                    \
    CASE(sync_mutex)                                                                               \
    CASE(sync_condition)                                                                           \
    CASE(sync_events_and_semaphores)                                                               \
    CASE(channel)                                                                                  \
    CASE(exchange_all_pairs)                                                                       \
    CASE(exchange_burst)                                                                           \
    CASE(exchange_to_halted_core)                                                                  \
    CASE(exchange_ping_pong)                                                                       \
    CASE(remote_call_all_pairs)                                                                    \
    CASE(cross_channel)                                                                            \
    CASE(cross_channel_limits)                                                                     \
    CASE(heap_patterns)                                                                            \
    CASE(heap_alignment)                                                                           \
    CASE(heap_realloc)                                                                             \
    CASE(heap_limits)                                                                              \
    CASE(heap_free_elsewhere)                                                                      \
    CASE(heap_statistics)                                                                          \
    CASE(heap_borrowing)                                                                           \
    CASE(heap_exhaustion)                                                                          \
    CASE(paging_image_rights)                                                                      \
    CASE(paging_no_write_and_execute)                                                              \
    CASE(paging_tables_read_only)                                                                  \
    CASE(paging_guard_pages)                                                                       \
    CASE(paging_percore_pages)                                                                     \
    CASE(paging_control)                                                                           \
    CASE(time_monotonic)                                                                           \
    CASE(time_across_cores)                                                                        \
    CASE(time_clocks)                                                                              \
    CASE(time_nanosleep)                                                                           \
    CASE(floating_control_words)                                                                   \
    CASE(floating_values)                                                                          \
    CASE(registers_over_yields)                                                                    \
    CASE(registers_over_interrupts)                                                                \
    CASE(registers_turned_on)                                                                      \
    CASE(errno_per_thread)                                                                         \
    CASE(libc_printf)                                                                              \
    CASE(libc_numbers)                                                                             \
    CASE(libc_qsort)                                                                               \
    CASE(libc_setjmp)                                                                              \
    CASE(libc_environment)                                                                         \
    CASE(libc_on_each_core)                                                                        \
    CASE(libc_system_calls)                                                                        \
    CASE(interrupt_vectors)                                                                        \
    CASE(interrupt_to_self)                                                                        \
    CASE(interrupt_to_others)                                                                      \
    CASE(interrupt_unexpected)                                                                     \
    CASE(interrupt_vectors_return)                                                                 \
    CASE(interrupt_ends_halt)                                                                      \
    CASE(random_differs)                                                                           \
    CASE(random_is_balanced)                                                                       \
    CASE(random_bounds)                                                                            \
    CASE(machine_cores)                                                                            \
    CASE(machine_stats)                                                                            \
    CASE(machine_pci)                                                                              \
    CASE(thread_ten_thousand)                                                                      \
    CASE(thread_no_memory)

#define CASE_DECLARE(name) void case_##name(void);
CASES(CASE_DECLARE)
#undef CASE_DECLARE
