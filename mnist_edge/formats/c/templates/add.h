/* One of the two inputs of an addition: its zero point and scale. */
typedef struct {
    uint8_t zero;
    int32_t multiplier;
    int exponent;
} model_term;

static void model_add(const uint8_t *a, const model_term *a_term, const uint8_t *b,
                      const model_term *b_term, uint8_t *output, size_t count, int32_t multiplier,
                      int exponent, const model_range *range)
{
    while (count-- > 0) {
        const int32_t sum = model_scale((int32_t)(*a++ - a_term->zero) * ((int32_t)1 << 20),
                                        a_term->multiplier, a_term->exponent)
                            + model_scale((int32_t)(*b++ - b_term->zero) * ((int32_t)1 << 20),
                                          b_term->multiplier, b_term->exponent);

        *output++ = model_store(model_scale(sum, multiplier, exponent), range);
    }
}
