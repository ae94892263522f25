package dev.hydra.memory.workspace;

import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import dev.hydra.tck.Conformance;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

class WorkspaceConformanceTest {
  @TestFactory
  Stream<DynamicTest> manyChunks() {
    return conforms("slots = 3, dim = 8, heads = 2, chunk = 4", 24);
  }

  @TestFactory
  Stream<DynamicTest> unevenChunks() {
    return conforms("slots = 5, dim = 6, heads = 3, chunk = 5", 24);
  }

  @TestFactory
  Stream<DynamicTest> chunksOfOneToken() {
    return conforms("slots = 2, dim = 4, heads = 1, chunk = 1", 20);
  }

  /** Such a sequence reads the initial slots; nothing is written. */
  @TestFactory
  Stream<DynamicTest> longerChunkThanSequence() {
    return conforms("slots = 2, dim = 4, heads = 2, chunk = 32", 10);
  }

  private static Stream<DynamicTest> conforms(String options, int time) {
    return Conformance.of(new WorkspaceFactory()).options(options).time(time).tests().stream()
        .map(check -> dynamicTest(check.name(), check::run));
  }
}
