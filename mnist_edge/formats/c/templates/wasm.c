/* A header for a page: buffers to write to and read from, and what is computed on them. */
#define MODEL_IMPLEMENTATION
#include "model.h"

#define EXPORTED(name) __attribute__((export_name(name)))

static uint8_t input[MODEL_FIELD_BYTES], output[MODEL_CLASSES], scratch[MODEL_SCRATCH_BYTES];
static uint8_t pixels[320 * 240];
static int32_t corners[4];

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

/* Where in the picture ink was found: left, top, and past it right and bottom. */
EXPORTED("box") int32_t *box(void)
{
    return corners;
}

/* Draw the picture into the field; returns where the field came from. */
EXPORTED("read") model_origin read(int width, int height)
{
    const model_origin origin = model_read(pixels, width, height, (size_t)width, input, scratch);

    if (origin == MODEL_FOUND) {
        /* Reading leaves in scratch how much ink there is at each grey level. */
        model_picture picture = {pixels, (size_t)width, scratch, 0, 0, 0, 0};

        model_find(&picture, width, height);
        corners[0] = picture.left;
        corners[1] = picture.top;
        corners[2] = picture.right;
        corners[3] = picture.bottom;
    }
    return origin;
}

/* Answer the field with scores; returns the digit, and from bit 8 on why it is not to be trusted. */
EXPORTED("answer") int answer(model_origin origin)
{
    model_answer answer;

    model_predict(input, output, scratch);
    answer = model_accept(output, origin);
    return answer.digit | (int)answer.reason << 8;
}
