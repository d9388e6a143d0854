model_answer model_accept(const uint8_t scores[MODEL_CLASSES], model_origin origin)
{
    const int sum = origin == MODEL_AS_IS ? MODEL_AS_IS_SUM : MODEL_FOUND_SUM;
    const int margin = origin == MODEL_AS_IS ? MODEL_AS_IS_MARGIN : MODEL_FOUND_MARGIN;
    model_answer answer = {0, 0, 0, MODEL_ACCEPTED};
    uint8_t digit, second = 0;

    for (digit = 0; digit < MODEL_CLASSES; digit++) {
        if (digit == 0 || scores[digit] > answer.confidence) {
            second = answer.confidence;
            answer.confidence = scores[digit];
            answer.digit = digit;
        } else if (scores[digit] > second) {
            second = scores[digit];
        }
    }
    if (origin == MODEL_BLANK) {
        answer.reason = MODEL_NO_INK;
    } else if (answer.confidence + second < sum) {
        answer.reason = MODEL_NO_DIGIT;
    } else if (answer.confidence - second < margin) {
        answer.reason = MODEL_AMBIGUOUS;
    }
    answer.accepted = answer.reason == MODEL_ACCEPTED;
    return answer;
}
