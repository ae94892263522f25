package dev.hydra.trainer.metrics;

import java.io.Closeable;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * A file of events that TensorBoard reads: scalars and texts by tag and step. The numbers of fields
 * are those of TensorBoard's event.proto, summary.proto and tensor.proto.
 */
final class EventFile implements Closeable {
  private static final String PREFIX = "events.out.tfevents.";
  private static final double MILLIS = 1e3;

  private static final int EVENT_TIME = 1;
  private static final int EVENT_STEP = 2;
  private static final int EVENT_VERSION = 3;
  private static final int EVENT_SUMMARY = 5;
  private static final int EVENT_SESSION = 7;
  private static final int SESSION_STATUS = 1;
  private static final int SESSION_START = 1;

  private static final int SUMMARY_VALUE = 1;
  private static final int VALUE_TAG = 1;
  private static final int VALUE_SIMPLE = 2;
  private static final int VALUE_TENSOR = 8;
  private static final int VALUE_METADATA = 9;
  private static final int METADATA_PLUGIN = 1;
  private static final int METADATA_CLASS = 4;
  private static final int CLASS_TENSOR = 2;
  private static final int PLUGIN_NAME = 1;

  private static final int TENSOR_TYPE = 1;
  private static final int TENSOR_SHAPE = 2;
  private static final int TENSOR_STRING = 8;
  private static final int TYPE_STRING = 7;
  private static final int SHAPE_DIMENSION = 2;
  private static final int DIMENSION_SIZE = 1;

  private final RecordFile file;

  private EventFile(RecordFile file) {
    this.file = file;
  }

  /** Makes the one file of events of a folder; those that are there are deleted. */
  static EventFile anew(Path folder) throws IOException {
    deleteAll(folder);
    Instant now = Instant.now();
    String name =
        PREFIX + now.getEpochSecond() + "." + host() + "." + ProcessHandle.current().pid();
    EventFile events = new EventFile(new RecordFile(folder.resolve(name)));
    events.add(new ProtobufMessage().text(EVENT_VERSION, "brain.Event:2"), now, 0);
    // What a running TensorBoard has read from a file before, it forgets.
    events.add(
        new ProtobufMessage()
            .message(EVENT_SESSION, new ProtobufMessage().integer(SESSION_STATUS, SESSION_START)),
        now,
        0);
    return events;
  }

  /** Deletes all files of events of a folder. */
  static void deleteAll(Path folder) throws IOException {
    List<Path> old;
    try (Stream<Path> entries = Files.list(folder)) {
      old = entries.filter(each -> each.getFileName().toString().startsWith(PREFIX)).toList();
    }
    for (Path each : old) {
      Files.delete(each);
    }
  }

  private static String host() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      return "localhost"; // a part of the name only
    }
  }

  /** Adds scalars by their tags; nothing if there are none. */
  void scalars(Instant time, long step, Map<String, Double> byTag) throws IOException {
    if (byTag.isEmpty()) {
      return;
    }
    ProtobufMessage summary = new ProtobufMessage();
    byTag.forEach(
        (tag, value) ->
            summary.message(
                SUMMARY_VALUE,
                new ProtobufMessage()
                    .text(VALUE_TAG, tag)
                    .single(VALUE_SIMPLE, value.floatValue())));
    add(new ProtobufMessage().message(EVENT_SUMMARY, summary), time, step);
  }

  /** Adds a text, in Markdown. */
  void text(Instant time, long step, String tag, String markdown) throws IOException {
    ProtobufMessage plugin = new ProtobufMessage().text(PLUGIN_NAME, "text");
    ProtobufMessage metadata =
        new ProtobufMessage()
            .message(METADATA_PLUGIN, plugin)
            .integer(METADATA_CLASS, CLASS_TENSOR);
    ProtobufMessage one = new ProtobufMessage().integer(DIMENSION_SIZE, 1);
    ProtobufMessage tensor =
        new ProtobufMessage()
            .integer(TENSOR_TYPE, TYPE_STRING)
            .message(TENSOR_SHAPE, new ProtobufMessage().message(SHAPE_DIMENSION, one))
            .text(TENSOR_STRING, markdown);
    ProtobufMessage value =
        new ProtobufMessage()
            .text(VALUE_TAG, tag)
            .message(VALUE_TENSOR, tensor)
            .message(VALUE_METADATA, metadata);
    ProtobufMessage summary = new ProtobufMessage().message(SUMMARY_VALUE, value);
    add(new ProtobufMessage().message(EVENT_SUMMARY, summary), time, step);
  }

  private void add(ProtobufMessage event, Instant time, long step) throws IOException {
    file.add(
        event.decimal(EVENT_TIME, time.toEpochMilli() / MILLIS).integer(EVENT_STEP, step).bytes());
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
