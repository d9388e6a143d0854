/* Run all of a header on buffers of exactly the size it asks for, and print what comes of it:
   the scores of the fields on stdin, the verdict on them, and what is read of generated pictures. */
#include <stdio.h>
#include <stdlib.h>

#define NET_1_IMPLEMENTATION
#include "net_1.h"

static uint32_t state = 1;

static int noise(int below)
{
    state = state * 1664525U + 1013904223U;
    return (int)((state >> 16) % (uint32_t)below);
}

static void print(const uint8_t *bytes, size_t count)
{
    while (count-- > 0) {
        printf("%d ", *bytes++);
    }
    printf("\n");
}

static void judge(const uint8_t *scores, net_1_origin origin)
{
    const net_1_answer answer = net_1_accept(scores, origin);

    printf("%d %d %d %d\n", answer.digit, answer.confidence, answer.accepted, (int)answer.reason);
}

int main(void)
{
    uint8_t *const field = malloc(NET_1_FIELD_BYTES), *const scores = malloc(NET_1_CLASSES);
    uint8_t *const memory = malloc(NET_1_SCRATCH_BYTES + 1), *const scratch = memory + 1;
    static const int sizes[][2] = {{1, 1},    {1, 320},   {28, 28},   {320, 240}, {240, 320},
                                   {7, 160},  {320, 1},   {320, 241}, {0, 5},     {321, 2}};
    size_t number;

    while (fread(field, NET_1_FIELD_BYTES, 1, stdin) == 1) {
        net_1_predict(field, scores, scratch);
        print(scores, NET_1_CLASSES);
        judge(scores, NET_1_AS_IS);
        judge(scores, NET_1_FOUND);
        judge(scores, NET_1_BLANK);
        judge(scores, net_1_origin_of(field));
    }
    for (number = 0; number < 3 * sizeof sizes / sizeof *sizes; number++) {
        const int width = sizes[number / 3][0], height = sizes[number / 3][1];
        const int dots = number % 3 == 0 ? 2 : 40, size = width * height;
        uint8_t *const gray = malloc(size > 0 ? (size_t)size : 1);
        int i, j;

        for (i = 0; i < size; i++) {
            gray[i] = (uint8_t)(number % 3 == 2 ? noise(256) : 30);
        }
        for (i = 0; i < dots && size > 0; i++) {
            const int place = noise(size), length = noise(size / 8 + 1);

            for (j = place; j < size && j < place + length; j++) {
                gray[j] = 200;
            }
        }
        printf("%d: ", (int)net_1_read(gray, width, height, (size_t)width, field, scratch));
        print(field, NET_1_FIELD_BYTES);
        free(gray);
    }
    free(field);
    free(scores);
    free(memory);
    return 0;
}
