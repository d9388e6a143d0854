/* model.h: which digit is it? One C99 header, integers only.

   Include it wherever it is used; in one source file of the program, define MODEL_IMPLEMENTATION
   before. It needs nothing but a buffer of MODEL_SCRATCH_BYTES, of any alignment, and what compilers
   call for themselves: memset, memcpy, and arithmetic that the processor has not.

       #define MODEL_IMPLEMENTATION
       #include "model.h"

       static uint8_t scratch[MODEL_SCRATCH_BYTES];
       uint8_t scores[MODEL_CLASSES];

       model_predict(field, scores, scratch);

   Every score is the same as that of TensorFlow Lite's reference kernels for the file it was made
   from. Its optimized kernels (XNNPACK) round differently: in some pictures a score is several of
   256 steps away.

   Made by mnist-edge @VERSION@. What the model says of itself:

{}
*/
#ifndef MODEL_H
#define MODEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MODEL_VERSION "@VERSION@" /* of mnist-edge */
#define MODEL_SOURCE_CRC32 0x@CRC32@ /* of the .tflite file */
#define MODEL_CLASSES @CLASSES@
#define MODEL_LABELS "0123456789" /* of each class, a character */
#define MODEL_FIELD_SIDE @SIDE@
#define MODEL_FIELD_BYTES @FIELD@
#define MODEL_SCRATCH_BYTES @SCRATCH@

/* Answer a field: rows of pixels from the top, ink 255 on 0, as in MNIST: the longer side of the
   digit 20 pixels, its centre of mass in the middle of pixel (14, 14), counted from 0. The scores
   are probabilities in 1/256. */
void model_predict(const uint8_t field[MODEL_FIELD_BYTES], uint8_t scores[MODEL_CLASSES],
                   void *scratch);

/* Where a field came from: the less was done to it, the more is its answer to be trusted. */
typedef enum {
    MODEL_BLANK, /* there was no ink */
    MODEL_FOUND, /* the digit was found in a picture, as by model_read */
    MODEL_AS_IS  /* it was in MNIST's own form, and is not empty: an empty one may be any digit */
} model_origin;

/* Where a field in MNIST's own form came from: MODEL_AS_IS, or MODEL_BLANK where all of it is 0. */
model_origin model_origin_of(const uint8_t field[MODEL_FIELD_BYTES]);

typedef enum {
    MODEL_ACCEPTED,
    MODEL_NO_INK,   /* there is nothing to answer */
    MODEL_NO_DIGIT, /* it is probably no digit, or more than one */
    MODEL_AMBIGUOUS /* two digits are close */
} model_reason;

/* What the two largest scores of an answer to be trusted reach, in 1/256: their sum and their
   difference. A score of 255, the last step, counts as 256. */
#define MODEL_AS_IS_SUM @NEVER@
#define MODEL_AS_IS_MARGIN @NEVER@
#define MODEL_FOUND_SUM @NEVER@
#define MODEL_FOUND_MARGIN @NEVER@

typedef struct {
    uint8_t digit;      /* the class with the largest score */
    uint8_t confidence; /* its score */
    uint8_t accepted;   /* whether to trust it: 1 or 0 */
    model_reason reason;
} model_answer;

/* Decide from scores whether to trust their answer. */
model_answer model_accept(const uint8_t scores[MODEL_CLASSES], model_origin origin);

/* Find the digit in a picture of grey levels and draw it into a field. The picture has rows of
   width pixels from the top, stride bytes from one to the next, and at most 320 x 240 pixels or
   240 x 320. Ink may be darker or lighter than its background, by at least MODEL_CONTRAST levels.

   Returns MODEL_FOUND, or MODEL_BLANK where there is no ink or the size is out of range; the field
   is all zero then.

   This is the simple part of what mnist-edge does with a picture. The digit has to be the only ink,
   on an even background, and so large in it that it outweighs a camera's noise: one that does not
   may be called blank. Left out are uneven light, frames and other things in the picture, several
   digits, and broad or fine pens, which mnist-edge makes as broad as MNIST's. */
model_origin model_read(const uint8_t *gray, int width, int height, size_t stride,
                        uint8_t field[MODEL_FIELD_BYTES], void *scratch);

#define MODEL_CONTRAST 32

#ifdef __cplusplus
}
#endif

#endif /* MODEL_H */

#ifdef MODEL_IMPLEMENTATION
#undef MODEL_IMPLEMENTATION

/* On AVR constants are only left in flash, and have to be read from there, when told so. */
#ifdef __AVR__
#include <avr/pgmspace.h>
#define MODEL_FLASH PROGMEM
#define MODEL_BYTE(address) pgm_read_byte(address)
#define MODEL_WORD(address) ((int32_t)pgm_read_dword(address))
#define MODEL_LOAD(type, name, address)                                                            \
    type name##_copy;                                                                              \
    const type *const name = (const type *)memcpy_P(&name##_copy, address, sizeof name##_copy)
#else
#define MODEL_FLASH
#define MODEL_BYTE(address) (*(address))
#define MODEL_WORD(address) (*(address))
#define MODEL_LOAD(type, name, address) const type *const name = address
#endif

@CODE@

#endif /* MODEL_IMPLEMENTATION */
