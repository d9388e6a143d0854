/* What a sum of an output channel's products is stored as. */
static uint8_t model_output(const model_layer *layer, int32_t sum, size_t channel)
{
    sum = model_scale(sum + MODEL_WORD(layer->biases + channel),
                      MODEL_WORD(layer->multipliers + channel),
                      (int8_t)MODEL_BYTE(layer->exponents + channel));
    return model_store(sum, &layer->range);
}
