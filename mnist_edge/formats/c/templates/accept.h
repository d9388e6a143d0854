model_origin model_origin_of(const uint8_t field[MODEL_FIELD_BYTES])
{
    size_t place;

    for (place = 0; place < MODEL_FIELD_BYTES; place++) {
        if (field[place] > 0) {
            return MODEL_AS_IS;
        }
    }
    return MODEL_BLANK;
}

model_answer model_accept(const uint8_t scores[MODEL_CLASSES], model_origin origin)
{
    const int sum = origin == MODEL_AS_IS ? MODEL_AS_IS_SUM : MODEL_FOUND_SUM;
    const int margin = origin == MODEL_AS_IS ? MODEL_AS_IS_MARGIN : MODEL_FOUND_MARGIN;
    model_answer answer = {0, 0, 0, MODEL_ACCEPTED};
    int best = -1, second = -1;
    uint8_t digit;

    for (digit = 0; digit < MODEL_CLASSES; digit++) {
        /* There is no step for 1: the last stands for it. */
        const int score = scores[digit] < 255 ? scores[digit] : 256;

        if (score > best) {
            second = best;
            best = score;
            answer.confidence = scores[digit];
            answer.digit = digit;
        } else if (score > second) {
            second = score;
        }
    }
    if (origin == MODEL_BLANK) {
        answer.reason = MODEL_NO_INK;
    } else if (best + second < sum) {
        answer.reason = MODEL_NO_DIGIT;
    } else if (best - second < margin) {
        answer.reason = MODEL_AMBIGUOUS;
    }
    answer.accepted = answer.reason == MODEL_ACCEPTED;
    return answer;
}
