/* sum * (high + low / 2^31) / 2^31 * 2^exponent, rounded once, halves away from zero. */
static int32_t model_round(int32_t sum, uint32_t high, uint32_t low, int exponent)
{
    const uint32_t size = sum < 0 ? 0U - (uint32_t)sum : (uint32_t)sum;
    const uint64_t product = (uint64_t)size * high + (((uint64_t)size * low) >> 31);
    const int32_t result =
        (int32_t)((product + ((uint64_t)1 << (30 - exponent))) >> (31 - exponent));

    return sum < 0 ? -result : result;
}

static void model_connect(const model_layer *table, const uint8_t *input, uint8_t *output)
{
    MODEL_LOAD(model_layer, layer, table);
    size_t channel;

    for (channel = 0; channel < layer->shape.channels; channel++) {
        const int32_t sum = model_dot(layer, input, channel, layer->shape.depth);

        *output++ =
            model_store(model_round(sum + MODEL_WORD(layer->biases + channel),
                                    (uint32_t)MODEL_WORD(layer->multipliers + 2 * channel),
                                    (uint32_t)MODEL_WORD(layer->multipliers + 2 * channel + 1),
                                    (int8_t)MODEL_BYTE(layer->exponents + channel)),
                        &layer->range);
    }
}
