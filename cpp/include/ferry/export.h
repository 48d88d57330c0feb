/* ferry/export.h: FERRY_API marks what libferry exports; everything else in it is hidden. */
#ifndef FERRY_EXPORT_H
#define FERRY_EXPORT_H

#if defined(_WIN32) && defined(FERRY_STATIC_LIBRARY)
#define FERRY_API
#elif !defined(_WIN32)
#define FERRY_API __attribute__((visibility("default")))
#elif defined(FERRY_BUILDING)
#define FERRY_API __declspec(dllexport)
#else
#define FERRY_API __declspec(dllimport)
#endif

#endif
