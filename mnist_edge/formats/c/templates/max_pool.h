static void model_pool_max(const model_shape *shape, const model_range *range, const uint8_t *input,
                           uint8_t *output)
{
    int row, column, y, x;
    size_t channel;

    for (row = 0; row < shape->rows; row++) {
        for (column = 0; column < shape->columns; column++) {
            const model_part part = model_visible(shape, input, row, column);

            for (channel = 0; channel < shape->channels; channel++) {
                const uint8_t *pixels = part.input + channel;
                uint8_t most = 0;

                for (y = part.first_row; y < part.last_row; y++) {
                    const uint8_t *pixel = pixels;

                    for (x = part.first_column; x < part.last_column; x++) {
                        most = *pixel > most ? *pixel : most;
                        pixel += shape->depth;
                    }
                    pixels += (size_t)shape->width * shape->depth;
                }
                *output++ = model_store(most, range);
            }
        }
    }
}
