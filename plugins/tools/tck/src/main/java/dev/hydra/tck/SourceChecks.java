package dev.hydra.tck;

import dev.hydra.api.Settings;
import dev.hydra.data.Source;
import dev.hydra.data.SourceContext;
import dev.hydra.data.SourceFactory;
import java.io.ByteArrayOutputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** Checks of a source of text, whose files are those of the working folder. */
record SourceChecks(SourceFactory factory, Settings settings) {
  Check again() {
    return new Check("the same text again", this::determinism);
  }

  private void determinism() {
    Source source = source();
    byte[] first = read(source);
    ContractViolation.unless(first.length > 0, "it gives no text");
    ContractViolation.unless(
        Arrays.equals(first, read(source)) && Arrays.equals(first, read(source())),
        "it gives another text the second time");
  }

  private Source source() {
    return factory.create(new SourceContext(settings, List.of(Path.of("").toAbsolutePath())));
  }

  private static byte[] read(Source source) {
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    source.read(text::writeBytes);
    return text.toByteArray();
  }
}
