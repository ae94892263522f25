package dev.hydra.cli.swap;

import static org.assertj.core.api.Assertions.assertThat;

import dev.hydra.cli.plugins.Bundles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class PluginWatcherTest {
  @TempDir
  @SuppressWarnings("NullAway") // set by JUnit
  Path folder;

  private final BlockingQueue<Path> found = new LinkedBlockingQueue<>();
  private final BlockingQueue<String> warnings = new LinkedBlockingQueue<>();

  private PluginWatcher watch() throws IOException {
    return new PluginWatcher(List.of(folder), found::add, warnings::add);
  }

  private Path next() throws InterruptedException {
    return found.poll(30, TimeUnit.SECONDS);
  }

  @Test
  void tellsOfJarsThatLieThereAndThatCome() throws Exception {
    Path first = Bundles.write(folder.resolve("first.jar"), "a", "1.0.0");
    try (PluginWatcher watcher = watch()) {
      assertThat(next()).isEqualTo(first);
      Path second = Bundles.write(folder.resolve("second.jar"), "a", "1.0.1");
      assertThat(next()).isEqualTo(second);
    }
    assertThat(found).isEmpty();
    assertThat(warnings).isEmpty();
  }

  /** Only a whole jar is of use: a copy under way is waited for. */
  @Test
  void waitsUntilAJarIsWhole() throws Exception {
    byte[] bytes = Files.readAllBytes(Bundles.write(folder.resolve("whole"), "a", "1.0.0"));
    Path jar = folder.resolve("slow.jar");
    try (PluginWatcher watcher = watch()) {
      Files.write(jar, Arrays.copyOf(bytes, bytes.length / 2));
      assertThat(found.poll(600, TimeUnit.MILLISECONDS)).isNull();
      Files.write(
          jar,
          Arrays.copyOfRange(bytes, bytes.length / 2, bytes.length),
          StandardOpenOption.APPEND);
      assertThat(next()).isEqualTo(jar);
      assertThat(found.poll(600, TimeUnit.MILLISECONDS)).isNull();
    }
  }

  /** Word of the last change may come late. */
  @Test
  void tellsOnceOfOneContent() throws Exception {
    try (PluginWatcher watcher = watch()) {
      Path jar = Bundles.write(folder.resolve("same.jar"), "a", "1.0.0");
      assertThat(next()).isEqualTo(jar);
      Files.setLastModifiedTime(jar, Files.getLastModifiedTime(jar));
      assertThat(found.poll(600, TimeUnit.MILLISECONDS)).isNull();
      Bundles.write(jar, "a", "1.0.10");
      assertThat(next()).isEqualTo(jar);
      Files.delete(jar);
      Thread.sleep(300);
      Bundles.write(jar, "a", "1.0.10");
      assertThat(next()).isEqualTo(jar);
    }
  }

  /** Whoever takes it then says what is wrong with it. */
  @Test
  void tellsOfABrokenJarAfterAWhile() throws Exception {
    try (PluginWatcher watcher = watch()) {
      Path broken = Files.writeString(folder.resolve("broken.jar"), "no jar");
      assertThat(next()).isEqualTo(broken);
    }
  }

  @Test
  void leavesAloneWhatIsNoJarOrHidden() throws Exception {
    try (PluginWatcher watcher = watch()) {
      Bundles.write(folder.resolve(".copying.jar"), "a", "1.0.0");
      Files.writeString(folder.resolve("notes.txt"), "");
      Path gone = Files.writeString(folder.resolve("gone.jar"), "no jar");
      Files.delete(gone);
      Path jar = Bundles.write(folder.resolve("last.jar"), "a", "1.0.0");
      assertThat(next()).isEqualTo(jar);
      assertThat(found.poll(3500, TimeUnit.MILLISECONDS)).isNull();
    }
  }

  @Test
  void endsWithItsThread() throws Exception {
    PluginWatcher watcher = watch();
    watcher.close();
    assertThat(Thread.getAllStackTraces().keySet())
        .extracting(Thread::getName)
        .doesNotContain("hydra-plugins");
    Bundles.write(folder.resolve("late.jar"), "a", "1.0.0");
    assertThat(found.poll(500, TimeUnit.MILLISECONDS)).isNull();
    assertThat(List.copyOf(warnings)).isEmpty();
  }
}
