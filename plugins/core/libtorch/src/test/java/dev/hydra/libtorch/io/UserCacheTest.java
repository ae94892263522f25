package dev.hydra.libtorch.io;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class UserCacheTest {
  @TempDir private Path folder;

  @Test
  void readsWhatWasWritten() {
    UserCache cache = new UserCache(folder.resolve("a/b"));
    assertThat(cache.read("name")).isEmpty();
    cache.write("name", new byte[] {1, 2});
    cache.write("name", new byte[] {3});
    assertThat(cache.read("name").orElseThrow()).containsExactly(3);
    assertThat(cache.read("other")).isEmpty();
  }

  @Test
  void keysTellApartWhatIsPutTogetherOtherwise() {
    String key = UserCache.key(List.of("source", "-Doption"));
    assertThat(key).matches("[0-9a-f]{64}").isEqualTo(UserCache.key(List.of("source", "-Doption")));
    assertThat(key)
        .isNotEqualTo(UserCache.key(List.of("source-", "Doption")))
        .isNotEqualTo(UserCache.key(List.of("source", "-Doption", "")));
  }
}
