/* Answer the fields in fields.h, and print for each the cycles it took and its scores; on an
   ATmega2560 in simavr, which ends when the processor sleeps with interrupts off. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>

#define IMPLEMENTATION
#include "model.h"
#include "fields.h"

static uint8_t field[FIELD_BYTES], scores[CLASSES], scratch[SCRATCH_BYTES];
static volatile uint16_t overflows;

ISR(TIMER1_OVF_vect)
{
    overflows++;
}

static void put(char character)
{
    while (!(UCSR0A & (1 << UDRE0))) {
    }
    UDR0 = (uint8_t)character;
}

static void print(uint32_t number)
{
    char digits[10];
    uint8_t count = 0;

    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0) {
        put(digits[--count]);
    }
    put(' ');
}

int main(void)
{
    uint16_t number, i, count;

    UCSR0B = 1 << TXEN0;
    TIMSK1 = 1 << TOIE1;
    sei();
    for (number = 0; number < FIELDS; number++) {
        for (i = 0; i < FIELD_BYTES; i++) {
            field[i] = pgm_read_byte(&fields[number][i]);
        }
        overflows = 0;
        TCNT1 = 0;
        TCCR1B = 1 << CS11; /* counts every eighth cycle */
        predict(field, scores, scratch);
        count = TCNT1;
        TCCR1B = 0;
        print(((uint32_t)overflows << 16 | count) * 8);
        for (i = 0; i < CLASSES; i++) {
            print(scores[i]);
        }
        put('\n');
    }
    cli();
    sleep_enable();
    sleep_cpu();
    return 0;
}
