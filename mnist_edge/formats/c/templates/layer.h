/* A convolution, or a dense layer, whose window is all its input. */
typedef struct {
    model_shape shape;
    uint8_t zero; /* what is subtracted from the input */
    model_range range;
    const int8_t *weights;
    const int32_t *biases, *multipliers; /* one an output channel, as the exponents */
    const int8_t *exponents;
} model_layer;

static uint8_t model_output(const model_layer *layer, int32_t sum, size_t channel)
{
    sum = model_scale(sum + MODEL_WORD(layer->biases + channel),
                      MODEL_WORD(layer->multipliers + channel),
                      (int8_t)MODEL_BYTE(layer->exponents + channel));
    return model_store(sum, &layer->range);
}
