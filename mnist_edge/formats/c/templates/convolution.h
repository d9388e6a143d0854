static void model_convolve(const model_layer *table, const uint8_t *input, uint8_t *output,
                           uint8_t *window)
{
    MODEL_LOAD(model_layer, layer, table);
    const model_shape *const shape = &layer->shape;
    const size_t size =
        (size_t)shape->window_height * (size_t)shape->window_width * shape->depth;
    int row, column;
    size_t channel;

    for (row = 0; row < shape->rows; row++) {
        for (column = 0; column < shape->columns; column++) {
            model_gather(layer, input, row, column, window);
            for (channel = 0; channel < shape->channels; channel++) {
                const int32_t sum = model_dot(layer, window, channel, size);

                *output++ = model_output(layer, sum, channel);
            }
        }
    }
}
