// SPDX-License-Identifier: MIT
#include "kernel/random.h"

#include <string.h>

#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/panic.h"

#define KEY_BYTES        32
#define BLOCK_BYTES      64
#define REFILL_BYTES     512 // 480 of them are given out, 32 are the next key
#define STRONG_BYTES     32
#define CPU_WORDS        4 // 64-bit numbers taken from the CPU for a seed
#define NONCE_OUTPUT     0 // what a block is for: no two uses share a stream
#define NONCE_STIR       1
#define NONCE_NEXT_CORES 2
#define NONCE_CORE       3

struct generator {
    uint32_t key[KEY_BYTES / 4];
    uint8_t bytes[REFILL_BYTES]; // the last `left_bytes` were not given out yet
    uint32_t left_bytes;
    bool started, strong;
};

static PERCORE struct generator generator;

static uint32_t cores_key[KEY_BYTES / 4]; // written by core 0 before the others start
static bool cores_strong, sealed;

// The compiler must not drop clearing what is not read again.
static void forget(void *memory, size_t size_bytes)
{
    memset(memory, 0, size_bytes);
    __asm__ volatile("" ::"r"(memory) : "memory");
}

static uint32_t rotate_left(uint32_t value, int bits)
{
    return value << bits | value >> (32 - bits);
}

static void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a += *b;
    *d = rotate_left(*d ^ *a, 16);
    *c += *d;
    *b = rotate_left(*b ^ *c, 12);
    *a += *b;
    *d = rotate_left(*d ^ *a, 8);
    *c += *d;
    *b = rotate_left(*b ^ *c, 7);
}

// Spec: RFC 8439, 2.3.1.
static void chacha20_block(const uint32_t key[8], uint32_t counter, const uint32_t nonce[3],
                           uint8_t out[BLOCK_BYTES])
{
    uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}; // "expand 32-byte k"
    memcpy(start + 4, key, KEY_BYTES);
    start[12] = counter;
    memcpy(start + 13, nonce, 12);
    uint32_t x[16];
    memcpy(x, start, sizeof(x));
    for (int i = 0; i < 10; i++) {
        quarter_round(&x[0], &x[4], &x[8], &x[12]);
        quarter_round(&x[1], &x[5], &x[9], &x[13]);
        quarter_round(&x[2], &x[6], &x[10], &x[14]);
        quarter_round(&x[3], &x[7], &x[11], &x[15]);
        quarter_round(&x[0], &x[5], &x[10], &x[15]);
        quarter_round(&x[1], &x[6], &x[11], &x[12]);
        quarter_round(&x[2], &x[7], &x[8], &x[13]);
        quarter_round(&x[3], &x[4], &x[9], &x[14]);
    }
    for (int i = 0; i < 16; i++)
        x[i] += start[i];
    memcpy(out, x, BLOCK_BYTES); // little-endian, as the machine is
    forget(x, sizeof(x));
    forget(start, sizeof(start));
}

// A key derived from `key`; going back is as hard as breaking ChaCha20.
static void derive_key(const uint32_t key[8], uint32_t purpose, uint32_t number, uint32_t out[8])
{
    uint8_t block[BLOCK_BYTES];
    chacha20_block(key, 0, (const uint32_t[3]){purpose, number, 0}, block);
    memcpy(out, block, KEY_BYTES);
    forget(block, sizeof(block));
}

static void refill(struct generator *g)
{
    for (uint32_t i = 0; i < REFILL_BYTES / BLOCK_BYTES; i++)
        chacha20_block(g->key, i, (const uint32_t[3]){NONCE_OUTPUT, 0, 0},
                       g->bytes + i * BLOCK_BYTES);
    memcpy(g->key, g->bytes, KEY_BYTES);
    forget(g->bytes, KEY_BYTES);
    g->left_bytes = REFILL_BYTES - KEY_BYTES;
}

// Each 32 bytes are added to the key and the sum is hashed by the block function: who knows the
// bytes but not the key learns nothing, who knows the key but not the bytes knows it no longer.
static void stir(struct generator *g, const void *data, size_t size_bytes)
{
    const uint8_t *bytes = data;
    while (size_bytes > 0) {
        size_t count = size_bytes < KEY_BYTES ? size_bytes : KEY_BYTES;
        uint8_t mixed[KEY_BYTES];
        uint32_t key[KEY_BYTES / 4];
        memcpy(mixed, g->key, KEY_BYTES);
        for (size_t i = 0; i < count; i++)
            mixed[i] ^= bytes[i];
        memcpy(key, mixed, KEY_BYTES);
        derive_key(key, NONCE_STIR, (uint32_t)count, g->key);
        forget(mixed, sizeof(mixed));
        forget(key, sizeof(key));
        bytes += count;
        size_bytes -= count;
    }
    forget(g->bytes, sizeof(g->bytes)); // made with the old key
    g->left_bytes = 0;
}

// CPUs are known that answer every time with all ones or with one number: those count for nothing.
static bool stir_from_cpu(struct generator *g, bool (*read)(uint64_t *out))
{
    uint64_t words[CPU_WORDS] = {0};
    size_t count = 0;
    bool varies = false;
    while (count < CPU_WORDS && read(&words[count])) {
        varies |= words[count] != words[0];
        count++;
    }
    stir(g, words, sizeof(words));
    forget(words, sizeof(words));
    return count == CPU_WORDS && varies;
}

static bool stir_from_machine(struct generator *g)
{
    uint64_t clock = cpu_read_tsc();
    stir(g, &clock, sizeof(clock));
    bool seeded = cpu_has_rdseed() && stir_from_cpu(g, cpu_rdseed64);
    bool drawn = cpu_has_rdrand() && stir_from_cpu(g, cpu_rdrand64);
    return seeded || drawn;
}

void random_start(const struct boot_info *info)
{
    struct generator *g = &generator;
    uint32_t entropy_bytes =
        info->entropy_bytes < BOOT_ENTROPY_BYTES ? info->entropy_bytes : BOOT_ENTROPY_BYTES;
    memset(g, 0, sizeof(*g));
    stir(g, info->entropy, entropy_bytes);
    stir(g, &info->entry_tsc, sizeof(info->entry_tsc));
    stir(g, &info->left_tsc, sizeof(info->left_tsc));
    bool cpu_is_strong = stir_from_machine(g);
    g->strong = cpu_is_strong || entropy_bytes >= STRONG_BYTES;
    g->started = true;
    if (!g->strong)
        log_warn("random: neither the firmware (EFI_RNG) nor the CPU (RDSEED, RDRAND) gave random "
                 "numbers: keys made here can be guessed; add a virtio-rng device");

    cores_strong = g->strong;
    sealed = false;
    derive_key(g->key, NONCE_NEXT_CORES, 0, cores_key);
    derive_key(g->key, NONCE_CORE, 0, g->key);
}

void random_start_core(void)
{
    struct generator *g = &generator;
    ASSERT(!sealed && core_index() != 0);
    memset(g, 0, sizeof(*g));
    derive_key(cores_key, NONCE_CORE, core_index(), g->key);
    bool cpu_is_strong = stir_from_machine(g);
    g->strong = cores_strong || cpu_is_strong;
    g->started = true;
}

void random_seal(void)
{
    forget(cores_key, sizeof(cores_key));
    sealed = true;
}

void random_bytes(void *buffer, size_t size_bytes)
{
    struct generator *g = &generator;
    uint8_t *out = buffer;
    ASSERT(g->started);
    while (size_bytes > 0) {
        if (g->left_bytes == 0)
            refill(g);
        size_t count = size_bytes < g->left_bytes ? size_bytes : g->left_bytes;
        uint8_t *from = g->bytes + REFILL_BYTES - g->left_bytes;
        memcpy(out, from, count);
        forget(from, count);
        g->left_bytes -= (uint32_t)count;
        out += count;
        size_bytes -= count;
    }
}

uint32_t random_u32(void)
{
    uint32_t value;
    random_bytes(&value, sizeof(value));
    return value;
}

void random_add_entropy(const void *data, size_t size_bytes)
{
    ASSERT(generator.started);
    stir(&generator, data, size_bytes);
}

void random_seed(const void *data, size_t size_bytes)
{
    random_add_entropy(data, size_bytes);
    if (size_bytes >= STRONG_BYTES)
        generator.strong = true;
}

bool random_is_strong(void)
{
    return generator.strong;
}
