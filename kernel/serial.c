// SPDX-License-Identifier: MIT
#include "kernel/serial.h"

#include <errno.h>
#include <stdio.h>

#include "kernel/cpu.h"

// Offsets from the port's base.
enum {
    DATA = 0,             // with DIVISOR_ACCESS: divisor, low byte
    INTERRUPT_ENABLE = 1, // with DIVISOR_ACCESS: divisor, high byte
    FIFO_CONTROL = 2,     // written
    INTERRUPT_ID = 2,     // read
    LINE_CONTROL = 3,
    MODEM_CONTROL = 4,
    LINE_STATUS = 5,
    SCRATCH = 7,
};
enum {
    LINE_8N1 = 0x03,
    DIVISOR_ACCESS = 0x80,
    FIFO_ON_AND_CLEARED = 0x07,
    INTERRUPT_ID_FIFO_ON = 0xC0,
    MODEM_READY = 0x03,     // DTR and RTS
    MODEM_INTERRUPT = 0x08, // OUT2: on a PC the gate of its interrupt
    MODEM_LOOPBACK = 0x10,
    INTERRUPT_DATA = 0x01,
    STATUS_DATA_READY = 0x01,
    STATUS_TX_EMPTY = 0x20, // the FIFO is
    STATUS_TX_IDLE = 0x40,  // and the last bit went out
};

// Reading an I/O port takes about 1 us on a real machine and under a hypervisor.
#define POLLS_FOR_FIFO     50000 // a full FIFO needs 1.4 ms at 115200 baud
#define POLLS_FOR_LOOPBACK 2000  // one character needs 87 us

struct serial {
    struct console_device device;
    uint16_t port;
    uint8_t fifo_bytes;
    uint8_t room_bytes; // the FIFO takes this many more without a look at its status
    bool stalled;
    uint64_t lost_bytes;
};

static struct serial ports[SERIAL_PORTS_MAX];
static size_t port_count;

static bool wait_for(uint16_t port, uint8_t status_bit, unsigned polls)
{
    for (unsigned i = 0; i < polls; i++) {
        if (cpu_in8(port + LINE_STATUS) & status_bit)
            return true;
        cpu_pause();
    }
    return false;
}

// Returns: false if the transmitter is stuck.
static bool send_byte(struct serial *serial, char byte)
{
    if (serial->room_bytes == 0) {
        unsigned polls = serial->stalled ? 1 : POLLS_FOR_FIFO;
        serial->stalled = !wait_for(serial->port, STATUS_TX_EMPTY, polls);
        if (serial->stalled)
            return false;
        serial->room_bytes = serial->fifo_bytes;
    }
    serial->room_bytes--;
    cpu_out8(serial->port + DATA, (uint8_t)byte);
    return true;
}

// Returns: how much of the text went out.
static size_t send(struct serial *serial, const char *text, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
        if ((text[i] == '\n' && !send_byte(serial, '\r')) || !send_byte(serial, text[i]))
            return i;
    return size_bytes;
}

static void write_text(struct console_device *device, const char *text, size_t size_bytes)
{
    struct serial *serial = CONTAINER_OF(device, struct serial, device);
    if (serial->lost_bytes > 0) {
        char note[64];
        int note_bytes = snprintf(note, sizeof(note), "\n[serial port: %llu bytes lost]\n",
                                  (unsigned long long)serial->lost_bytes);
        if (send(serial, note, (size_t)note_bytes) == (size_t)note_bytes)
            serial->lost_bytes = 0;
    }
    if (serial->lost_bytes > 0)
        serial->lost_bytes += size_bytes;
    else
        serial->lost_bytes += size_bytes - send(serial, text, size_bytes);
}

static bool scratch_register_keeps(uint16_t port, uint8_t value)
{
    cpu_out8(port + SCRATCH, value);
    return cpu_in8(port + SCRATCH) == value;
}

static void set_up(uint16_t port)
{
    cpu_out8(port + INTERRUPT_ENABLE, 0);
    cpu_out8(port + LINE_CONTROL, DIVISOR_ACCESS | LINE_8N1);
    cpu_out8(port + DATA, 1); // divisor 1 of a 115200 baud clock
    cpu_out8(port + INTERRUPT_ENABLE, 0);
    cpu_out8(port + LINE_CONTROL, LINE_8N1);
    cpu_out8(port + FIFO_CONTROL, FIFO_ON_AND_CLEARED);
}

static bool loopback_works(uint16_t port)
{
    cpu_out8(port + MODEM_CONTROL, MODEM_READY | MODEM_LOOPBACK);
    cpu_out8(port + DATA, 0xAE);
    bool works =
        wait_for(port, STATUS_DATA_READY, POLLS_FOR_LOOPBACK) && cpu_in8(port + DATA) == 0xAE;
    cpu_out8(port + MODEM_CONTROL, MODEM_READY);
    return works;
}

struct console_device *serial_find(uint16_t port)
{
    for (size_t i = 0; i < port_count; i++)
        if (ports[i].port == port)
            return NULL;
    if (port_count == SERIAL_PORTS_MAX || cpu_in8(port + LINE_STATUS) == 0xFF ||
        !scratch_register_keeps(port, 0x5A) || !scratch_register_keeps(port, 0xA5))
        return NULL;
    // What the firmware still has in the FIFO is not to be cleared away.
    (void)wait_for(port, STATUS_TX_IDLE, POLLS_FOR_FIFO);
    set_up(port);
    if (!loopback_works(port))
        return NULL;
    struct serial *serial = &ports[port_count++];
    bool has_fifo = (cpu_in8(port + INTERRUPT_ID) & INTERRUPT_ID_FIFO_ON) == INTERRUPT_ID_FIFO_ON;
    *serial =
        (struct serial){{"serial port", write_text, NULL}, port, has_fifo ? 16 : 1, 0, false, 0};
    return &serial->device;
}

// COM1 and COM3 share an interrupt, as do COM2 and COM4.
static int isa_interrupt_of(uint16_t port)
{
    switch (port) {
    case 0x3F8:
    case 0x3E8:
        return 4;
    case 0x2F8:
    case 0x2E8:
        return 3;
    default:
        return -ENODEV;
    }
}

int serial_input_irq(void)
{
    return port_count == 0 ? -ENODEV : isa_interrupt_of(ports[0].port);
}

void serial_input_start(void)
{
    while (serial_input_take() >= 0) // what was typed at the firmware
        ;
    cpu_out8(ports[0].port + MODEM_CONTROL, MODEM_READY | MODEM_INTERRUPT);
    cpu_out8(ports[0].port + INTERRUPT_ENABLE, INTERRUPT_DATA);
}

INTERRUPT_CONTEXT int serial_input_take(void)
{
    uint16_t port = ports[0].port;
    return cpu_in8(port + LINE_STATUS) & STATUS_DATA_READY ? cpu_in8(port + DATA) : -EAGAIN;
}
