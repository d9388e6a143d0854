/* A header for a page: buffers to write to and read from, and what is computed on them. */
#define MODEL_IMPLEMENTATION
#include "model.h"

#define EXPORTED(name) __attribute__((export_name(name)))

static uint8_t input[MODEL_FIELD_BYTES], output[MODEL_CLASSES], scratch[MODEL_SCRATCH_BYTES];
static uint8_t pixels[320 * 240];

/* The grey levels of a picture, row by row. */
EXPORTED("picture") uint8_t *picture(void)
{
    return pixels;
}

EXPORTED("field") uint8_t *field(void)
{
    return input;
}

EXPORTED("scores") uint8_t *scores(void)
{
    return output;
}

/* Draw the picture into the field; returns where the field came from. */
EXPORTED("read") model_origin read(int width, int height)
{
    return model_read(pixels, width, height, (size_t)width, input, scratch);
}

/* Answer the field with scores; returns the digit, and from bit 8 on why it is not to be trusted. */
EXPORTED("answer") int answer(model_origin origin)
{
    model_answer answer;

    model_predict(input, output, scratch);
    answer = model_accept(output, origin);
    return answer.digit | (int)answer.reason << 8;
}
