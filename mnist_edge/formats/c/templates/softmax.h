/* exp(x) in 1/2^31 for x <= 0 in 1/2^26: gemmlowp's exp_on_negative_values. */
static int32_t model_exp(int32_t x)
{
    /* exp(-1/4), exp(-1/2), exp(-1), exp(-2), exp(-4), exp(-8), exp(-16) */
    static const int32_t powers[] MODEL_FLASH = {1672461947, 1302514674, 790015084, 290630308,
                                                 39332535,   720401,     242};
    const int32_t quarter = (int32_t)1 << 24;
    const int32_t part = (x & (quarter - 1)) - quarter;
    const uint32_t rest = (uint32_t)(part - x);
    int32_t a, square, series, result;
    int power;

    if (x == 0) {
        return INT32_MAX;
    }
    /* Four terms of exp's series about -1/8 for what is left of quarters. */
    a = part * 32 + ((int32_t)1 << 28);
    square = model_multiply(a, a);
    series = model_multiply(square, a) + model_divide(model_multiply(square, square), 2);
    series = model_divide(model_multiply(series, 715827883) + square, 1); /* of 1/3 */
    result = 1895147668 + model_multiply(1895147668, a + series);         /* of exp(-1/8) */
    for (power = 0; power < 7; power++) {
        if ((rest >> (24 + power)) & 1U) {
            result = model_multiply(result, MODEL_WORD(powers + power));
        }
    }
    return result;
}

/* 1 / (1 + x) in 1/2^31 for x of 0 to 1 in 1/2^31: gemmlowp's one_over_one_plus_x_for_x_in_0_1. */
static int32_t model_reciprocal(int32_t x)
{
    const int32_t half = (int32_t)(((uint32_t)x + 0x80000000U) >> 1);
    int32_t result = 1515870810 + model_multiply(half, -1010580540); /* 48/17, -32/17 in 1/2^29 */
    int step;

    for (step = 0; step < 3; step++) { /* of Newton and Raphson */
        const int32_t error = ((int32_t)1 << 29) - model_multiply(half, result);

        result += model_multiply(result, error) * 4;
    }
    return result > (INT32_MAX >> 1) ? INT32_MAX : result * 2;
}

/* TFLite's reference_ops::Softmax for int8; differences above reach count for nothing. */
static void model_softmax(const uint8_t *input, uint8_t *output, size_t count, int32_t multiplier,
                          int exponent, int reach)
{
    int32_t sum = 0, scale;
    uint32_t unit;
    uint8_t most = 0;
    int bits = 12;
    size_t i;

    for (i = 0; i < count; i++) {
        most = input[i] > most ? input[i] : most;
    }
    for (i = 0; i < count; i++) {
        if (most - input[i] <= reach) {
            sum += model_divide(model_exp(model_scale(input[i] - most, multiplier, exponent)), 12);
        }
    }
    for (unit = (uint32_t)sum; unit < 0x80000000U; unit <<= 1) {
        bits--;
    }
    scale = model_reciprocal((int32_t)(unit - 0x80000000U));
    for (i = 0; i < count; i++) {
        int32_t score = 0;

        if (most - input[i] <= reach) {
            score = model_exp(model_scale(input[i] - most, multiplier, exponent));
            score = model_divide(model_multiply(scale, score), bits + 23);
        }
        output[i] = score > 255 ? 255 : (uint8_t)score;
    }
}
