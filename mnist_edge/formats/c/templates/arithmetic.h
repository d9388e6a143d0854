/* a * b / 2^31, rounded: gemmlowp's SaturatingRoundingDoublingHighMul. */
static int32_t model_multiply(int32_t a, int32_t b)
{
    /* With 2^62 added, what is shifted is never negative. */
    const int64_t product = (int64_t)a * b + INT64_C(0x4000000040000000);

    return (int32_t)((product >> 31) - INT64_C(0x80000000));
}

/* x / 2^exponent, rounded, halves away from zero: gemmlowp's RoundingDivideByPOT. */
static int32_t model_divide(int32_t x, int exponent)
{
    const uint32_t half = ((uint32_t)1 << exponent) >> 1;

    if (x < 0) {
        return -(int32_t)((0U - (uint32_t)x + half) >> exponent);
    }
    return (int32_t)(((uint32_t)x + half) >> exponent);
}
