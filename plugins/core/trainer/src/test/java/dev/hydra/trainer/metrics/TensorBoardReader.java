package dev.hydra.trainer.metrics;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Reads files of events by the descriptions of their formats, with nothing of what writes them; a
 * checksum that does not hold is an error.
 */
public final class TensorBoardReader {
  /** The reversed polynomial of CRC-32C (RFC 3720, appendix B.4). */
  private static final int CASTAGNOLI = 0x82F63B78;

  /** A point of a curve. */
  public record Scalar(double time, long step, float value) {}

  /** Versions of the format, in files' first events. */
  public final List<String> versions = new ArrayList<>();

  /** Scalars by tag. */
  public final Map<String, List<Scalar>> scalars = new LinkedHashMap<>();

  /** Texts by tag. */
  public final Map<String, List<String>> texts = new LinkedHashMap<>();

  /** Reads the one file of events that is in a folder. */
  public static TensorBoardReader of(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      List<Path> events =
          files.filter(each -> each.getFileName().toString().contains("tfevents")).toList();
      if (events.size() != 1) {
        throw new AssertionError("not one file of events: " + events);
      }
      TensorBoardReader reader = new TensorBoardReader();
      reader.read(ByteBuffer.wrap(Files.readAllBytes(events.get(0))));
      return reader;
    }
  }

  void read(ByteBuffer file) {
    file.order(ByteOrder.LITTLE_ENDIAN);
    while (file.hasRemaining()) {
      byte[] length = new byte[8];
      file.get(length);
      check(length, file.getInt());
      byte[] data = new byte[(int) ByteBuffer.wrap(length).order(file.order()).getLong()];
      file.get(data);
      check(data, file.getInt());
      event(fields(data));
    }
  }

  private static void check(byte[] data, int masked) {
    int crc = ~0;
    for (byte each : data) {
      crc ^= each & 0xFF;
      for (int bit = 0; bit < 8; bit++) {
        crc = (crc & 1) == 1 ? (crc >>> 1) ^ CASTAGNOLI : crc >>> 1;
      }
    }
    crc = ~crc;
    int expected = ((crc >>> 15) | (crc << 17)) + 0xa282ead8;
    if (masked != expected) {
      throw new AssertionError("checksum " + masked + " of " + data.length + " bytes");
    }
  }

  /** A field: an integer or bytes. */
  private record Field(int number, long integer, ByteBuffer bytes) {
    String text() {
      return StandardCharsets.UTF_8.decode(bytes.duplicate()).toString();
    }

    List<Field> fields() {
      byte[] data = new byte[bytes.remaining()];
      bytes.duplicate().get(data);
      return TensorBoardReader.fields(data);
    }
  }

  private static List<Field> fields(byte[] data) {
    ByteBuffer in = ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
    List<Field> fields = new ArrayList<>();
    while (in.hasRemaining()) {
      long key = varint(in);
      int number = (int) (key >> 3);
      int size =
          switch ((int) key & 7) {
            case 0 -> -1;
            case 1 -> 8;
            case 2 -> (int) varint(in);
            case 5 -> 4;
            default -> throw new AssertionError("wire type of " + key);
          };
      if (size < 0) {
        fields.add(new Field(number, varint(in), ByteBuffer.allocate(0)));
      } else {
        ByteBuffer value = in.slice(in.position(), size).order(ByteOrder.LITTLE_ENDIAN);
        in.position(in.position() + size);
        fields.add(new Field(number, 0, value));
      }
    }
    return fields;
  }

  private static long varint(ByteBuffer in) {
    long value = 0;
    for (int shift = 0; ; shift += 7) {
      byte next = in.get();
      value |= (next & 0x7FL) << shift;
      if (next >= 0) {
        return value;
      }
    }
  }

  private static Optional<Field> first(List<Field> fields, int number) {
    return fields.stream().filter(each -> each.number() == number).findFirst();
  }

  private static Field one(List<Field> fields, int number) {
    return first(fields, number).orElseThrow(() -> new AssertionError("no field " + number));
  }

  private void event(List<Field> event) {
    double time = one(event, 1).bytes().getDouble(0);
    long step = one(event, 2).integer();
    first(event, 3).ifPresent(version -> versions.add(version.text()));
    if (first(event, 5).isEmpty()) {
      return;
    }
    for (Field value : one(event, 5).fields()) {
      List<Field> parts = value.fields();
      String tag = one(parts, 1).text();
      first(parts, 2)
          .ifPresent(
              simple ->
                  scalars
                      .computeIfAbsent(tag, fresh -> new ArrayList<>())
                      .add(new Scalar(time, step, simple.bytes().getFloat(0))));
      first(parts, 8)
          .ifPresent(
              tensor -> {
                String plugin = one(one(one(parts, 9).fields(), 1).fields(), 1).text();
                if (!plugin.equals("text") || one(tensor.fields(), 1).integer() != 7) {
                  throw new AssertionError("not a text: " + tag);
                }
                texts
                    .computeIfAbsent(tag, fresh -> new ArrayList<>())
                    .add(one(tensor.fields(), 8).text());
              });
    }
  }
}
