/* x * multiplier / 2^31 * 2^exponent: TFLite's MultiplyByQuantizedMultiplier. */
static int32_t model_scale(int32_t x, int32_t multiplier, int exponent)
{
    if (exponent > 0) {
        return model_multiply(x * ((int32_t)1 << exponent), multiplier);
    }
    return model_divide(model_multiply(x, multiplier), -exponent);
}

/* How results are stored: what is added, and between what they are kept then. */
typedef struct {
    uint8_t zero, low, high;
} model_range;

static uint8_t model_store(int32_t value, const model_range *range)
{
    value += range->zero;
    if (value < range->low) {
        return range->low;
    }
    return value > range->high ? range->high : (uint8_t)value;
}
