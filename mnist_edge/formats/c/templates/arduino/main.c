/* Answer fields from a file or a pipe: 784 bytes each, rows from the top, ink 255 on 0. For each a
   line is printed: the digit, its score in 1/256, and why not to trust it, 0 where it may be. */
#include <stdio.h>

#define MODEL_IMPLEMENTATION
#include "model.h"

int main(void)
{
    static uint8_t field[MODEL_FIELD_BYTES], scores[MODEL_CLASSES], scratch[MODEL_SCRATCH_BYTES];

    while (fread(field, sizeof field, 1, stdin) == 1) {
        model_answer answer;

        model_predict(field, scores, scratch);
        answer = model_accept(scores, model_origin_of(field));
        printf("%d %d %d\n", answer.digit, answer.confidence, (int)answer.reason);
    }
    return 0;
}
