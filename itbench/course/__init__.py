"""The course's file of macaque IT recordings, IT_data.h5: pictures normalised for ImageNet, mean responses."""

from itbench.course.reading import read_course_file

__all__ = ["read_course_file"]
