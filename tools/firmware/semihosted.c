/* Answer the fields in fields.bin into scores.bin, and count the instructions of the first answer,
   and those to find two bars in a picture of 320x240, into count.bin; on a Cortex-M or RISC-V board of QEMU with -icount shift=0, through semihosting:
   https://github.com/ARM-software/abi-aa/blob/main/semihosting/semihosting.rst */
#include <stddef.h>
#include <stdint.h>

#define IMPLEMENTATION
#include "model.h"

enum { OPEN = 0x01, CLOSE = 0x02, WRITE = 0x05, READ = 0x06, EXIT = 0x18 };
enum { READ_BINARY = 1, WRITE_BINARY = 5 };

int main(void);

#ifdef __arm__

extern uint32_t stack_top[];

static void reset(void)
{
#ifdef __ARM_FEATURE_MVE
    *(volatile uint32_t *)0xe000ed88 |= 0xfU << 20; /* the coprocessor access control register */
    __asm__ volatile("dsb\n\tisb");
#endif
    (void)main();
}

__attribute__((section(".vectors"), used)) static void *const vectors[] = {stack_top, (void *)reset};

static intptr_t host(intptr_t operation, const void *arguments)
{
    register intptr_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = arguments;

    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

/* SysTick counts down at the board's clock; an instruction takes a nanosecond. */
#define TICKS 0xffffffU
#define SYSTICK ((volatile uint32_t *)0xe000e010)

static uint32_t ticks(void)
{
    return 0xffffff - SYSTICK[2];
}

static void start(void)
{
    SYSTICK[1] = 0xffffff;
    SYSTICK[2] = 0;
    SYSTICK[0] = 5;
}

#else

/* The three instructions that call the host may not be compressed, nor lie in two pages. */
__asm__(".section .vectors\n.globl _start\n.option norvc\n.option norelax\n"
        "_start: la sp, stack_top\n"
        "j main\n"
        ".balign 16\n"
        "host: slli x0, x0, 0x1f\n"
        "ebreak\n"
        "srai x0, x0, 7\n"
        "ret\n"
        ".option rvc\n.option relax\n.text\n");

intptr_t host(intptr_t operation, const void *arguments);

#define TICKS UINT32_MAX

static uint32_t ticks(void)
{
    uint32_t count;

    __asm__ volatile(".option push\n.option arch, +zicsr\ncsrr %0, minstret\n.option pop"
                     : "=r"(count));
    return count;
}

static void start(void)
{
}

#endif

/* What compilers may make of loops. */
void *memcpy(void *to, const void *from, size_t count);
void *memset(void *bytes, int value, size_t count);

void *memcpy(void *to, const void *from, size_t count)
{
    volatile uint8_t *place = to;
    const uint8_t *source = from;

    while (count-- > 0) {
        *place++ = *source++;
    }
    return to;
}

void *memset(void *bytes, int value, size_t count)
{
    volatile uint8_t *place = bytes;

    while (count-- > 0) {
        *place++ = (uint8_t)value;
    }
    return bytes;
}

static intptr_t open(const char *name, intptr_t mode)
{
    const char *end = name;
    intptr_t arguments[3];

    while (*end != 0) {
        end++;
    }
    arguments[0] = (intptr_t)name;
    arguments[1] = mode;
    arguments[2] = end - name;
    return host(OPEN, arguments);
}

static int transfer(intptr_t operation, intptr_t file, const void *bytes, size_t count)
{
    const intptr_t arguments[] = {file, (intptr_t)bytes, (intptr_t)count};

    return host(operation, arguments) == 0;
}

static uint8_t field[FIELD_BYTES], scores[CLASSES], scratch[SCRATCH_BYTES], row[320];

/* Read a picture whose rows are all this one, as few boards have memory for others. */
static uint32_t reading(void)
{
    uint32_t before;
    size_t x;

    for (x = 0; x < sizeof row; x++) {
        row[x] = (x >= 100 && x < 110) || (x >= 210 && x < 220) ? 0 : 255;
    }
    before = ticks();
    (void)read(row, 320, 240, 0, field, scratch);
    return (ticks() - before) & TICKS;
}

int main(void)
{
    const intptr_t fields = open("fields.bin", READ_BINARY);
    const intptr_t answers = open("scores.bin", WRITE_BINARY);
    const intptr_t counts = open("count.bin", WRITE_BINARY);
    uint32_t count = 0;
    const void *reason = (const void *)0x20026; /* an application's end */

    start();
    while (transfer(READ, fields, field, sizeof field)) {
        const uint32_t before = ticks();

        predict(field, scores, scratch);
        if (count == 0) {
            count = (ticks() - before) & TICKS;
            transfer(WRITE, counts, &count, sizeof count);
        }
        transfer(WRITE, answers, scores, sizeof scores);
    }
    count = reading();
    transfer(WRITE, counts, &count, sizeof count);
    host(CLOSE, &answers);
    host(CLOSE, &counts);
    host(EXIT, reason);
    for (;;) {
    }
}
