package dev.hydra.data;

import com.typesafe.config.ConfigFactory;
import dev.hydra.api.Settings;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.IntConsumer;

/**
 * A process that makes tokens of a text file, or of JSON lines, into a cache: {@code SOURCE FILE
 * CACHE}. It says how many bytes it encoded and what the tokens are, or why it cannot.
 */
final class CacheProcess {
  /** Bytes; every piece takes a while. */
  private static final class Slow implements Tokenizer {
    private final ByteTokenizer bytes = new ByteTokenizer();
    private final AtomicLong encoded = new AtomicLong();
    private final long millis = Long.getLong("piece.millis", 0);

    @Override
    public int vocabSize() {
      return bytes.vocabSize();
    }

    @Override
    public void encode(byte[] text, IntConsumer sink) {
      try {
        Thread.sleep(millis);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      encoded.addAndGet(text.length);
      bytes.encode(text, sink);
    }

    @Override
    public byte[] bytes(int token) {
      return bytes.bytes(token);
    }
  }

  private CacheProcess() {}

  /** Runs in the process. */
  public static void main(String[] arguments) {
    SourceFactory factory =
        arguments[0].equals("text") ? new TextSourceFactory() : new JsonLinesSourceFactory();
    String options =
        "files = \""
            + arguments[1]
            + "\""
            + (arguments[0].equals("text") ? "" : ", on-error = skip");
    Settings settings =
        Settings.read("data", ConfigFactory.parseString(options), factory.options());
    Source source = factory.create(new SourceContext(settings, List.of(Path.of("/"))));
    Slow tokenizer = new Slow();
    try {
      TokenSequence tokens =
          new TokenCache(Path.of(arguments[2]))
              .get(source, source.files().orElseThrow(), tokenizer, read -> {});
      System.out.println(tokenizer.encoded + " " + tokens.fingerprint());
    } catch (CorpusException e) {
      System.out.println(e.getMessage());
    }
  }

  /** Prepares such a process. */
  static ProcessBuilder of(List<String> java, String source, Path file, Path cache)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin/java").toString());
    command.addAll(java);
    command.addAll(
        List.of(
            "-XX:-UsePerfData",
            "-XX:+UseSerialGC",
            "-cp",
            System.getProperty("java.class.path"),
            CacheProcess.class.getName(),
            source,
            file.toString(),
            cache.toString()));
    return new ProcessBuilder(command).redirectErrorStream(true);
  }
}
