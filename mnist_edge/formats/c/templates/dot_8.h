/* The sum of an output channel's products. Where there are instructions for two products at once,
   as on Cortex-M4 and M33, they are used, unless MODEL_PLAIN is defined; integers give the same sum
   in any order. */
#if defined(__ARM_FEATURE_SIMD32) && !defined(MODEL_PLAIN)
#include <arm_acle.h>
#include <string.h>

static int32_t model_dot_8(const uint8_t *input, const int8_t *weights, size_t channel,
                           size_t count)
{
    int32_t sum = 0;

    weights += channel * count;
    for (; count >= 4; count -= 4, input += 4, weights += 4) {
        uint32_t a, b;

        memcpy(&a, input, 4);
        memcpy(&b, weights, 4);
        sum = __smlad((int16x2_t)__uxtb16(a), __sxtb16((int8x4_t)b), sum);
        sum = __smlad((int16x2_t)__uxtb16(a >> 8), __sxtb16((int8x4_t)(b >> 8)), sum);
    }
    while (count-- > 0) {
        sum += *input++ * *weights++;
    }
    return sum;
}
#else
static int32_t model_dot_8(const uint8_t *input, const int8_t *weights, size_t channel,
                           size_t count)
{
    int32_t sum = 0;

    weights += channel * count;
    for (; count >= 4; count -= 4, input += 4, weights += 4) {
        sum += input[0] * (int8_t)MODEL_BYTE(weights);
        sum += input[1] * (int8_t)MODEL_BYTE(weights + 1);
        sum += input[2] * (int8_t)MODEL_BYTE(weights + 2);
        sum += input[3] * (int8_t)MODEL_BYTE(weights + 3);
    }
    while (count-- > 0) {
        sum += *input++ * (int8_t)MODEL_BYTE(weights++);
    }
    return sum;
}
#endif
