package dev.hydra.libtorch.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MemoryLimitsTest {
  @TempDir private Path folder;

  private void write(String file, String text) throws IOException {
    Path path = folder.resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text + "\n");
  }

  private long room(String membership) throws IOException {
    write("self", membership);
    return new MemoryLimits(folder.resolve("groups"), folder.resolve("self")).room();
  }

  @Test
  void theNarrowestOfAllGroupsAbove() throws IOException {
    write("groups/job/memory.max", "10000");
    write("groups/job/memory.current", "4000");
    write("groups/job/memory.stat", "anon 3000\ninactive_file 1000\nactive_file 0");
    write("groups/job/step/memory.max", "max");
    write("groups/job/step/memory.current", "100");
    write("groups/job/step/memory.stat", "inactive_file 7");
    assertEquals(7000, room("0::/job/step"));
    assertEquals(Long.MAX_VALUE, room("0::/other"));
    write("groups/memory.max", "5000");
    write("groups/memory.current", "4500");
    write("groups/memory.stat", "inactive_file 0");
    assertEquals(500, room("0::/job/step"));
    assertEquals(500, room("0::/"));
  }

  @Test
  void theFirstVersionHasAFolderForMemory() throws IOException {
    write("groups/memory/job/memory.limit_in_bytes", "10000");
    write("groups/memory/job/memory.usage_in_bytes", "9000");
    write("groups/memory/job/memory.stat", "inactive_file 1\ntotal_inactive_file 50");
    assertEquals(1050, room("5:cpu,cpuacct:/job\n4:memory:/job\n0::/"));
  }

  @Test
  void whatCannotBeReadIsNoLimit() throws IOException {
    assertEquals(Long.MAX_VALUE, room("nothing of the kind"));
    assertEquals(Long.MAX_VALUE, new MemoryLimits(folder, folder.resolve("missing")).room());
  }

  @Test
  void thereIsSomeHere() {
    long free = FreeMemory.bytes();
    assertTrue(free > 0 && free < 1L << 50, "free: " + free);
  }
}
