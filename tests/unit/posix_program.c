// SPDX-License-Identifier: MIT
// An app on musl and posix/, linked as in the image but run as a Linux process: below it, in place
// of the kernel, the stubs of posix_kernel.c. Not a cmocka program, for cmocka needs another libc.
// Ends with status 0 when everything held; main's own status is 42, checked where the machine ends.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "kernel/clock.h"
#include "kernel/thread.h"
#include "posix/files.h"
#include "posix/start.h"
#include "tests/unit/posix_kernel.h"

#define CHECK(condition) test_check(condition, #condition, __LINE__)

static void test_before_start(void)
{
    char text[64];
    CHECK(snprintf(text, sizeof(text), "%s %d %.3f %llx", "early", -7, 2.5, 0xfeedull) == 19);
    CHECK(strcmp(text, "early -7 2.500 feed") == 0);
    errno = ENOENT;
    snprintf(text, sizeof(text), "%m");
    CHECK(strcmp(text, "No such file or directory") == 0);
    CHECK(strtol("0x1f", NULL, 0) == 31);
    errno = 0;
    CHECK(strtol("99999999999999999999", NULL, 10) == LONG_MAX && errno == ERANGE);
}

static void test_output(void)
{
    test_output_clear();
    printf("%d %s %f %lld %5.1e|%-4u|\n", -1, "two", 3.25, 1ll << 40, 6.02e23, 7u);
    CHECK(test_output_is("-1 two 3.250000 1099511627776 6.0e+23|7   |\n"));

    // A line that stdio holds in part reaches the console in one piece.
    test_output_clear();
    printf("half ");
    CHECK(test_output_is(""));
    printf("a line\n");
    CHECK(test_output_is("half a line\n") && test_console_writes == 1);

    // More than fits a line at once goes through, whole and in order.
    static char big[3000];
    memset(big, 'x', sizeof(big));
    test_output_clear();
    struct iovec vectors[] = {{"<", 1}, {big, sizeof(big)}, {">", 1}};
    CHECK(writev(1, vectors, 3) == 3002 && test_output_bytes == 3002);
    CHECK(write(7, "x", 1) == -1 && errno == EBADF);
    CHECK(write(1, "", 0) == 0 && test_output_bytes == 3002);
    CHECK(getchar() == EOF && feof(stdin));
    CHECK(isatty(1) && !isatty(9));
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void test_library(void)
{
    int numbers[] = {5, -3, 12, 0, 7};
    qsort(numbers, 5, sizeof(numbers[0]), compare);
    CHECK(numbers[0] == -3 && numbers[2] == 5 && numbers[4] == 12);
    CHECK(strtod("-1.5e3xyz", NULL) == -1500.0);
    CHECK(fabs(sqrt(2.0) - 1.4142135623730951) < 1e-15 && fabs(exp(1.0) - 2.718281828) < 1e-8);
    int a = 0;
    char word[8];
    CHECK(sscanf("41 bulls", "%d %7s", &a, word) == 2 && a == 41 && !strcmp(word, "bulls"));
    CHECK(setlocale(LC_ALL, "C.UTF-8") != NULL);

    // Overlapping moves both ways, at every alignment of 16.
    char buffer[200];
    for (int shift = 1; shift < 17; shift++) {
        for (int i = 0; i < 200; i++)
            buffer[i] = (char)i;
        memmove(buffer + shift, buffer, 150);
        CHECK(buffer[shift] == 0 && buffer[shift + 149] == (char)149 && buffer[0] == 0);
        memmove(buffer, buffer + shift, 150);
        CHECK(buffer[0] == 0 && buffer[149] == (char)149);
    }
}

static void test_memory(void)
{
    char *block = malloc(100);
    CHECK(block && (uintptr_t)block % 16 == 0 && malloc_usable_size(block) >= 100);
    strcpy(block, "kept");
    block = realloc(block, 100000);
    CHECK(block && strcmp(block, "kept") == 0);
    block = realloc(block, 60);
    CHECK(block && strcmp(block, "kept") == 0);
    free(block);
    CHECK(test_heap_blocks == 0);
    free(NULL);
    errno = 0;
    volatile size_t half = SIZE_MAX / 2 + 1;
    CHECK(calloc(half, 2) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(malloc(half) == NULL && errno == ENOMEM);
    void *aligned = NULL;
    CHECK(posix_memalign(&aligned, 4096, 10) == 0 && (uintptr_t)aligned % 4096 == 0);
    CHECK(posix_memalign(&aligned, 24, 10) == EINVAL);
    free(aligned);

    char *pages = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED && pages[0] == 0 && pages[9999] == 0 && test_pages_out == 3);
    CHECK(munmap(pages, 4096) == -1 && errno == EINVAL && test_pages_out == 3);
    CHECK(munmap(pages, 10000) == 0 && test_pages_out == 0);
    CHECK(munmap(pages, 10000) == -1 && test_heap_blocks == 0);
    CHECK(mmap(NULL, 1ul << 40, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
          errno == ENOMEM && test_heap_blocks == 0);
    CHECK(mmap(NULL, 10, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
}

static void test_environment(char **argv)
{
    CHECK(strcmp(getenv("TORIL_TEST"), "yes") == 0 && getenv("ABSENT") == NULL);
    CHECK(setenv("ADDED", "1", 1) == 0 && strcmp(getenv("ADDED"), "1") == 0);
    CHECK(strcmp(program_invocation_short_name, "program") == 0 && argv[1][0] == '1' && !argv[2]);
    CHECK(getpagesize() == 4096 && sysconf(_SC_PAGESIZE) == 4096);
    CHECK(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_HWCAP2) == 0);
    struct utsname name;
    CHECK(uname(&name) == 0 && strcmp(name.sysname, "Toril") == 0);
    char host[65];
    CHECK(gethostname(host, sizeof(host)) == 0 && strcmp(host, "ring-0") == 0);
    CHECK(open("/none", O_RDONLY) == -1 && errno == ENOENT);
    struct stat status;
    CHECK(fstat(1, &status) == 0 && S_ISCHR(status.st_mode) && fstat(5, &status) == -1);
}

static void test_time(void)
{
    struct timespec before, after, nap = {0, 2000000}, bad = {0, 1000000000};
    CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0);
    CHECK(nanosleep(&nap, NULL) == 0);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
    CHECK((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >= 2000000);
    CHECK(nanosleep(&bad, NULL) == -1 && errno == EINVAL);
    CHECK(clock_gettime(77, &after) == -1 && errno == EINVAL);

    struct timespec date = {1750000000, 5};
    CHECK(clock_settime(CLOCK_REALTIME, &date) == 0);
    CHECK(time(NULL) >= 1750000000 && time(NULL) < 1750000060 && clock_wall_offset_ns() > 0);
    uint64_t deadline_ns = test_last_sleep_ns;
    date.tv_sec = 1; // long past
    CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &date, NULL) == 0);
    CHECK(test_last_sleep_ns <= deadline_ns);
    struct tm fields;
    time_t moment = 1750000000;
    char text[32];
    strftime(text, sizeof(text), "%F %T", gmtime_r(&moment, &fields));
    CHECK(strcmp(text, "2025-06-15 15:06:40") == 0);
}

static void test_unknown_calls(void)
{
    test_log_clear();
    CHECK(syscall(SYS_socket, AF_INET, SOCK_STREAM, 0) == -1 && errno == ENOSYS);
    CHECK(strstr(test_log, "socket (41)") != NULL);
    test_log_clear();
    CHECK(socket(AF_INET, SOCK_STREAM, 0) == -1 && test_log[0] == '\0');
    CHECK(syscall(100000) == -1 && errno == ENOSYS && strstr(test_log, "? (100000)") != NULL);
    test_log_clear();
    CHECK(syscall(-5) == -1 && errno == ENOSYS && test_log[0] == '\0');
    CHECK(syscall(SYS_getpid) == 1 && syscall(SYS_write, 9, "", 0) == -1 && errno == EBADF);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, NULL, NULL) == ENOSYS && popen("x", "r") == NULL);
}

static int handled;
static void handler(int signal)
{
    handled = signal;
}

static void test_signals(void)
{
    sigset_t set;
    CHECK(signal(SIGUSR1, handler) == SIG_DFL && raise(SIGUSR1) == 0 && handled == SIGUSR1);
    handled = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0 && raise(SIGUSR1) == 0 && handled == 0);
    CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0 && handled == SIGUSR1);
    CHECK(signal(SIGPIPE, SIG_IGN) == SIG_DFL && raise(SIGPIPE) == 0);
    CHECK(kill(99, SIGTERM) == -1 && errno == ESRCH && kill(getpid(), 0) == 0);

    if (setjmp(test_panic_jump) == 0) {
        test_panic_armed = 1;
        abort();
    }
    CHECK(strcmp(test_panic_text, "posix: the program called abort()") == 0);
    sigemptyset(&set); // abort left everything blocked
    sigprocmask(SIG_SETMASK, &set, NULL);
    if (setjmp(test_panic_jump) == 0) {
        test_panic_armed = 1;
        raise(SIGUSR2);
    }
    CHECK(strcmp(test_panic_text, "posix: the program ended itself with a signal: 12") == 0);
    CHECK(raise(SIGTERM) == 0 && strcmp(test_stop_wish, "SIGTERM") == 0);
    CHECK(test_stop_handler == NULL && signal(SIGTERM, handler) == SIG_DFL && test_stop_handler);
    test_stop_handler();
    CHECK(handled == SIGTERM && signal(SIGTERM, SIG_DFL) == handler && !test_stop_handler);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void unlock_mutex(void)
{
    pthread_mutex_unlock(&mutex);
}

static void test_waiting(void)
{
    // Held by another thread, which gives it back while this one waits.
    pthread_mutex_lock(&mutex);
    test_other_thread = unlock_mutex;
    CHECK(pthread_mutex_lock(&mutex) == 0 && test_other_thread == NULL);
    // Held for ever: the deadline ends the wait, and nobody is left waiting.
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 2000000;
    soon.tv_sec += soon.tv_nsec / 1000000000;
    soon.tv_nsec %= 1000000000;
    CHECK(pthread_mutex_timedlock(&mutex, &soon) == ETIMEDOUT);
    CHECK(pthread_mutex_unlock(&mutex) == 0 && pthread_mutex_trylock(&mutex) == 0);
    int word = 1;
    CHECK(syscall(SYS_futex, &word, 0, 2, NULL) == -1 && errno == EAGAIN);
    CHECK(syscall(SYS_futex, &word, 1, 1) == 0);
}

static int destroyed;

static void destroy(void *value)
{
    destroyed += *(int *)value;
}

// A key that is made anew has no value, and all of them go with the thread.
static void test_specific(void)
{
    pthread_key_t key, other;
    int one = 1, ten = 10;
    CHECK(pthread_setspecific(0, &one) == EINVAL && pthread_getspecific(0) == NULL);
    CHECK(pthread_key_create(&key, destroy) == 0 && pthread_getspecific(key) == NULL);
    CHECK(pthread_key_create(&other, NULL) == 0 && other != key);
    CHECK(pthread_setspecific(key, &one) == 0 && pthread_getspecific(key) == &one);
    CHECK(pthread_getspecific(other) == NULL);
    CHECK(pthread_key_delete(key) == 0 && pthread_key_delete(key) == EINVAL);
    CHECK(pthread_getspecific(key) == NULL && destroyed == 0);
    pthread_key_t again;
    CHECK(pthread_key_create(&again, destroy) == 0 && again == key);
    CHECK(pthread_getspecific(again) == NULL && pthread_setspecific(again, &ten) == 0);
    CHECK(pthread_setspecific(PTHREAD_KEYS_MAX, &one) == EINVAL);
    (*thread_specific())->end(*thread_specific());
    CHECK(destroyed == 10 && *thread_specific() == NULL);
    int made = 2;
    while (pthread_key_create(&again, NULL) == 0)
        made++;
    CHECK(made == PTHREAD_KEYS_MAX);
}

static void test_machine(void)
{
    CHECK(sysconf(_SC_NPROCESSORS_ONLN) == 2 && sysconf(_SC_NPROCESSORS_CONF) == 2);
    CHECK(get_nprocs() == 2 && sched_getcpu() == 0);
    CHECK(sysconf(_SC_PHYS_PAGES) == 2000 && sysconf(_SC_OPEN_MAX) == 67);
    struct sysinfo info;
    CHECK(sysinfo(&info) == 0 && info.totalram == 2000 * 4096 && info.freeram == 200 * 4096);
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_DATA, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY);
    CHECK(getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur == 64 << 10);
    CHECK(setrlimit(RLIMIT_STACK, &limit) == -1 && errno == EPERM);
    CHECK(getrlimit(RLIMIT_NLIMITS, &limit) == -1 && errno == EINVAL);
}

const struct posix_packed_file posix_packed_files[] = {{"/a/packed", "some text", 9}};
const size_t posix_packed_files_count = 1;

static void test_packed_file(void)
{
    char text[40] = "";
    struct stat status;
    CHECK(stat("a/packed", &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 9);
    CHECK(stat("/a", &status) == 0 && S_ISDIR(status.st_mode) && stat("/p", &status) == -1);
    CHECK(open("/a", O_RDONLY) == -1 && errno == EISDIR);
    FILE *file = fopen("./b/..//a/./packed", "r");
    CHECK(file != NULL && fgets(text, sizeof(text), file) != NULL && feof(file));
    CHECK(strcmp(text, "some text") == 0 && fputc('x', file) == EOF && fclose(file) == 0);
    file = fopen("/a/packed", "r+"); // what is packed stays as it is
    CHECK(fputs("M", file) == 0 && fseek(file, 2, SEEK_END) == 0 && fputs("!", file) == 0);
    rewind(file);
    CHECK(fread(text, 1, sizeof(text), file) == 12 && memcmp(text, "Mome text\0\0!", 12) == 0);
    CHECK(fclose(file) == 0 && posix_packed_files[0].data[0] == 's');
    CHECK(access("/../a/packed", R_OK) == 0 && unlink("/a/packed") == 0);
    CHECK(access("/a/packed", R_OK) == -1 && access("/a", R_OK) == -1);
}

static void test_written_file(void)
{
    char text[40] = "";
    CHECK(getcwd(text, sizeof(text)) == text && strcmp(text, "/") == 0);
    int file = open("/x", O_RDWR | O_CREAT | O_EXCL, 0600);
    CHECK(file == 3 && open("/x", O_RDWR | O_CREAT | O_EXCL, 0600) == -1 && errno == EEXIST);
    CHECK(write(file, "12345", 5) == 5 && pwrite(file, "ab", 2, 1) == 2);
    CHECK(pread(file, text, 9, 1) == 4 && memcmp(text, "ab45", 4) == 0 && read(file, text, 9) == 0);
    CHECK(lseek(file, -6, SEEK_END) == -1 && errno == EINVAL && lseek(file, 1, SEEK_SET) == 1);
    CHECK(ftruncate(file, 3) == 0 && ftruncate(file, 5) == 0 && read(file, text, 9) == 4);
    CHECK(memcmp(text, "ab\0\0", 4) == 0 && fsync(file) == 0);
    int other = open("x", O_WRONLY | O_APPEND);
    CHECK(other == 4 && read(other, text, 1) == -1 && errno == EBADF && write(other, "z", 1) == 1);
    CHECK(rename("/x", "/y") == 0 && rename("/x", "/y") == -1 && errno == ENOENT);
    CHECK(unlink("/y") == 0 && lseek(file, 0, SEEK_END) == 6); // there until it is closed
    CHECK(close(file) == 0 && close(other) == 0 && close(other) == -1 && errno == EBADF);
    for (file = 3; open("/z", O_RDWR | O_CREAT, 0600) == file; file++)
        ;
    CHECK(errno == EMFILE && file > 60);
    while (file-- > 3)
        CHECK(close(file) == 0);
    CHECK(pwrite(open("/z", O_RDWR), "x", 1, LONG_MAX) == -1 && errno == EFBIG && close(3) == 0);
    FILE *temporary = tmpfile();
    CHECK(temporary != NULL && fputc('t', temporary) == 't' && fclose(temporary) == 0);
    CHECK(remove("/z") == 0 && remove("/z") == -1);
}

static void test_random(void)
{
    unsigned char bytes[16] = {0};
    CHECK(getentropy(bytes, 16) == 0 && bytes[0] != 0);
    test_random_strong = 0;
    CHECK(getrandom(bytes, 16, 0) == -1 && errno == EAGAIN);
    CHECK(getrandom(bytes, 16, GRND_INSECURE) == 16);
}

static void at_exit(void)
{
    printf("[at exit");
}

static void __attribute__((constructor)) before_main(void)
{
    test_constructed++;
}

int main(int argc, char **argv, char **envp)
{
    CHECK(argc == 2 && envp == environ && test_constructed == 1);
    test_output();
    test_library();
    test_memory();
    test_environment(argv);
    test_time();
    test_unknown_calls();
    test_signals();
    test_waiting();
    test_specific();
    test_machine();
    test_random();
    test_packed_file();
    test_written_file();
    CHECK(atexit(at_exit) == 0);
    test_output_clear();
    printf("[not flushed yet]");
    CHECK(test_output_is(""));
    return 42;
}

void test_run(void)
{
    static char *arguments[] = {"/apps/program", "1", NULL};
    static char *environment[] = {"A=b", "TORIL_TEST=yes", NULL};
    test_before_start();
    posix_start_core();
    posix_run_main(2, arguments, environment);
}

void test_ended(int status)
{
    CHECK(status == 42);
    CHECK(test_output_is("[not flushed yet][at exit"));
}
