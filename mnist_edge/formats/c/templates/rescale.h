static void model_rescale(const uint8_t *input, uint8_t *output, size_t count, uint8_t zero,
                          int32_t multiplier, int exponent, const model_range *range)
{
    while (count-- > 0) {
        *output++ = model_store(model_scale(*input++ - zero, multiplier, exponent), range);
    }
}
