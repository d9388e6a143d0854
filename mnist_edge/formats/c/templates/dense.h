/* sum * multiplier / 2^31 * 2^exponent, rounded once, halves away from zero. */
static int32_t model_round(int32_t sum, int32_t multiplier, int exponent)
{
    const int64_t product = (int64_t)sum * multiplier;
    const uint64_t half = (uint64_t)1 << (30 - exponent);

    if (product < 0) {
        return -(int32_t)((0U - (uint64_t)product + half) >> (31 - exponent));
    }
    return (int32_t)(((uint64_t)product + half) >> (31 - exponent));
}

static void model_connect(const model_layer *layer, const uint8_t *input, uint8_t *output)
{
    const size_t count = layer->shape.depth;
    const int8_t *weights = layer->weights;
    size_t channel;

    for (channel = 0; channel < layer->shape.channels; channel++, weights += count) {
        const int32_t sum = model_dot(input, weights, count, layer->zero);

        *output++ = model_store(model_round(sum + MODEL_WORD(layer->biases + channel),
                                            MODEL_WORD(layer->multipliers + channel),
                                            (int8_t)MODEL_BYTE(layer->exponents + channel)),
                                &layer->range);
    }
}
