// Answer fields that come over serial: 784 bytes each, rows from the top, ink 255 on 0. What goes
// back is a line with the digit, its score in 1/256, and why not to trust it, 0 where it may be.
//
// From a computer, with pyserial, once the board has started:
//
//     port = serial.Serial("/dev/ttyACM0", 115200, timeout=10)
//     port.write(field.tobytes())
//     print(port.readline())

#include <model.h>

static uint8_t field[MODEL_FIELD_BYTES];
static uint8_t scores[MODEL_CLASSES];
static uint8_t scratch[MODEL_SCRATCH_BYTES];

void setup()
{
    Serial.begin(115200);
    Serial.setTimeout(1000);
}

void loop()
{
    if (!Serial.available()) {
        return;
    }
    if (Serial.readBytes((char *)field, sizeof field) != sizeof field) {
        Serial.println("incomplete");
        return;
    }
    model_predict(field, scores, scratch);
    const model_answer answer = model_accept(scores, model_origin_of(field));
    Serial.print(answer.digit);
    Serial.print(' ');
    Serial.print(answer.confidence);
    Serial.print(' ');
    Serial.println((int)answer.reason);
}
